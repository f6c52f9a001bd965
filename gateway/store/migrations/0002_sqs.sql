-- Queues and their messages (see gateway/services/sqs/).

-- One row per queue: its counters, written at most once per batch and operation, never counted by
-- scanning. `uid` is the queue's own: the registry's record must have the same. A queue's number is
-- never used again.
CREATE TABLE sqs_queue (
    queue          INTEGER PRIMARY KEY AUTOINCREMENT,
    uid            BLOB    NOT NULL,
    next_sequence  INTEGER NOT NULL,  -- of the next message; never used again
    read_position  INTEGER NOT NULL,  -- fresh messages have at least this sequence
    messages       INTEGER NOT NULL,  -- rows of sqs_message
    hidden         INTEGER NOT NULL,  -- rows of sqs_hidden
    in_flight      INTEGER NOT NULL,  -- of these: visible after settled_ms, received before
    delayed        INTEGER NOT NULL,  -- of these: visible after settled_ms, never received
    settled_ms     INTEGER NOT NULL   -- gateway time up to which the two counters have followed
);

-- One row per message, written once. id = queue << 40 | delayed << 39 | sequence: a queue's messages
-- are two contiguous ascending ranges of the key. A fresh message has no row anywhere else.
CREATE TABLE sqs_message (
    id              INTEGER PRIMARY KEY,
    sent_gateway_ms INTEGER NOT NULL,
    sent_wall_ms    INTEGER NOT NULL,
    wall_trusted    INTEGER NOT NULL,
    sender          TEXT,     -- access key that sent it; NULL: a rule
    attributes      BLOB,     -- message and system attributes, NULL where there are none
    body            BLOB NOT NULL
);

-- One narrow row per message that is delayed, in flight, or visible again.
CREATE TABLE sqs_hidden (
    id                     INTEGER PRIMARY KEY,  -- of sqs_message
    queue                  INTEGER NOT NULL,
    visible_at_ms          INTEGER NOT NULL,     -- gateway time
    receive_count          INTEGER NOT NULL,
    received_ms            INTEGER,              -- gateway time of the last receive
    first_received_wall_ms INTEGER,
    nonce                  BLOB                  -- the secret part of the valid receipt handle
);
CREATE INDEX sqs_hidden_by_visibility ON sqs_hidden (queue, visible_at_ms, receive_count);
