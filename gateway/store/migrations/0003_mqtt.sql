-- What MQTT keeps: sessions, their messages, retained messages, wills (see gateway/broker/journal.py).

-- One row per persistent session. A session that has ended has no client identifier any more; its row
-- goes with the last of its messages, which are removed in small steps.
CREATE TABLE mqtt_session (
    session        INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again
    client_id      TEXT UNIQUE,
    level          INTEGER NOT NULL,  -- 4: MQTT 3.1.1, 5: MQTT 5
    profile        TEXT    NOT NULL,
    expiry_s       INTEGER NOT NULL,  -- session expiry interval
    away_since_ms  INTEGER,           -- gateway time; NULL while connected
    sent_before    INTEGER NOT NULL,  -- messages of a lower sequence may have been sent before
    seen_wall_ms   INTEGER NOT NULL   -- when it connected or went away, for people
);

CREATE TABLE mqtt_subscription (
    session       INTEGER NOT NULL,
    topic_filter  TEXT    NOT NULL,
    options       INTEGER NOT NULL,  -- qos | no local << 2 | retain as published << 3
                                     --     | retain handling << 4 | AWS's wildcards << 6
    identifier    INTEGER NOT NULL,  -- subscription identifier; 0: none
    PRIMARY KEY (session, topic_filter)
) WITHOUT ROWID;

-- One row per message, however many sessions wait for it.
CREATE TABLE mqtt_message (
    message        INTEGER PRIMARY KEY,
    topic          BLOB    NOT NULL,
    payload        BLOB    NOT NULL,
    qos            INTEGER NOT NULL,
    properties     BLOB,     -- MQTT 5 properties to pass on, as on the wire; NULL: none
    expires_at_ms  INTEGER   -- gateway time
);

-- How many more than one refer to a message. No row: one does. Below zero: none does.
CREATE TABLE mqtt_extra (
    message  INTEGER PRIMARY KEY,
    extra    INTEGER NOT NULL
);
CREATE INDEX mqtt_extra_unused ON mqtt_extra (message) WHERE extra < 0;

-- One narrow row per message that a session has not acknowledged. id = session << 40 | sequence.
-- The packet identifier follows from the sequence, so that it is the same after a restart.
CREATE TABLE mqtt_queued (
    id           INTEGER PRIMARY KEY,
    message      INTEGER NOT NULL,
    flags        INTEGER NOT NULL,  -- qos | retain << 2 | PUBREC received << 3
    size_bytes   INTEGER NOT NULL,
    identifiers  BLOB               -- subscription identifiers, as on the wire; NULL: none
);

-- Packet identifiers of QoS 2 messages from a client, between PUBREC and PUBREL.
-- id = session << 16 | packet identifier.
CREATE TABLE mqtt_received (
    id  INTEGER PRIMARY KEY
);

CREATE TABLE mqtt_retained (
    topic    BLOB PRIMARY KEY,
    message  INTEGER NOT NULL,
    wall_ms  INTEGER NOT NULL   -- when it was published, for people
) WITHOUT ROWID;

-- Wills of connected clients, and those that wait for their delay.
CREATE TABLE mqtt_will (
    client_id   TEXT PRIMARY KEY,
    due_ms      INTEGER,           -- gateway time; NULL: its client is connected
    delay_s     INTEGER NOT NULL,
    topic       TEXT    NOT NULL,
    payload     BLOB    NOT NULL,
    qos         INTEGER NOT NULL,
    retain      INTEGER NOT NULL,
    properties  BLOB    NOT NULL,  -- MQTT 5 properties to pass on, as on the wire
    expiry_s    INTEGER,           -- message expiry interval
    principal   TEXT,
    source_ip   TEXT
) WITHOUT ROWID;
