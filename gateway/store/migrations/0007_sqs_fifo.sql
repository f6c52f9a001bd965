-- FIFO queues, dead-letter queues, message move tasks (see gateway/services/sqs/).

-- Bits: 1 the wall time was to be believed, 2 the body is sealed.
ALTER TABLE sqs_message RENAME COLUMN wall_trusted TO flags;

-- One row per message group that has messages. A group is available once gateway time has reached
-- available_at_ms; while messages of it are in flight that is when the last of them becomes visible.
CREATE TABLE sqs_group (
    grp             INTEGER PRIMARY KEY,
    queue           INTEGER NOT NULL,
    name            TEXT    NOT NULL,
    available_at_ms INTEGER NOT NULL
);
CREATE UNIQUE INDEX sqs_group_by_name ON sqs_group (queue, name);
CREATE INDEX sqs_group_by_availability ON sqs_group (queue, available_at_ms);

-- The messages of FIFO queues by group; within a group their order is that of id.
CREATE TABLE sqs_ordered (
    id  INTEGER PRIMARY KEY,  -- of sqs_message
    grp INTEGER NOT NULL
);
CREATE INDEX sqs_ordered_by_group ON sqs_ordered (grp, id);

-- What was sent to a FIFO queue in the last five minutes, whether it is still there or not.
CREATE TABLE sqs_deduplication (
    queue   INTEGER NOT NULL,
    key     BLOB    NOT NULL,  -- digest of the deduplication id, and of the group where that counts
    sent_ms INTEGER NOT NULL,  -- gateway time
    id      INTEGER NOT NULL,  -- of the message that was kept
    PRIMARY KEY (queue, key)
) WITHOUT ROWID;
CREATE INDEX sqs_deduplication_by_age ON sqs_deduplication (queue, sent_ms);

-- Receives with a ReceiveRequestAttemptId of the last five minutes.
CREATE TABLE sqs_attempt (
    queue   INTEGER NOT NULL,
    key     BLOB    NOT NULL,  -- digest of the attempt id
    made_ms INTEGER NOT NULL,  -- gateway time
    holds   BLOB    NOT NULL,  -- rows and nonces of the messages it got
    PRIMARY KEY (queue, key)
) WITHOUT ROWID;
CREATE INDEX sqs_attempt_by_age ON sqs_attempt (queue, made_ms);

-- What a message that was moved to a dead-letter queue has kept from before.
CREATE TABLE sqs_moved (
    id              INTEGER PRIMARY KEY,  -- of sqs_message
    queue           INTEGER NOT NULL,     -- where it is now
    sent_gateway_ms INTEGER NOT NULL,     -- as in sqs_message; retention counts from it
    message_id      TEXT    NOT NULL,     -- as clients have seen it
    source          TEXT    NOT NULL,     -- name of the queue it was moved from
    received_before INTEGER NOT NULL      -- how often it had been received when it was moved
);
CREATE INDEX sqs_moved_by_age ON sqs_moved (queue, sent_gateway_ms);

CREATE TABLE sqs_move_task (
    task            INTEGER PRIMARY KEY AUTOINCREMENT,
    uid             TEXT    NOT NULL UNIQUE,
    source          TEXT    NOT NULL,  -- queue names
    destination     TEXT,              -- NULL: each message goes back to where it came from
    max_per_s       INTEGER,
    status          TEXT    NOT NULL,  -- as the API names it
    started_wall_ms INTEGER NOT NULL,
    moved           INTEGER NOT NULL,
    to_move         INTEGER NOT NULL,
    failure         TEXT
);
CREATE INDEX sqs_move_task_by_source ON sqs_move_task (source, task);
