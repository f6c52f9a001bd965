-- What rules have still to do after the commit (see gateway/engine/outbox/).

-- One row per message and rule with such actions; what they share is written once.
CREATE TABLE rules_job (
    job           INTEGER PRIMARY KEY,
    rule          TEXT    NOT NULL,
    topic         TEXT    NOT NULL,  -- as published
    client_id     TEXT,              -- of the publisher, if it used MQTT
    trace_id      TEXT    NOT NULL,
    depth         INTEGER NOT NULL,  -- how many republish actions led to the message
    payload       BLOB    NOT NULL,  -- as published; empty where nobody will ask for it
    output        BLOB    NOT NULL,  -- what the actions send
    error_action  TEXT,              -- JSON: its kind, its parameters, and why there are none; NULL: none
    failures      TEXT    NOT NULL,  -- JSON: the actions that have failed so far
    pending       INTEGER NOT NULL   -- how many rows of rules_outbox it has
);

-- One row per action that has still to run. Ids ascend in the order in which they were taken on.
CREATE TABLE rules_outbox (
    id          INTEGER PRIMARY KEY,
    target      TEXT    NOT NULL,    -- the kind of action, a space, and who or what it is for
    job         INTEGER NOT NULL,
    number      INTEGER NOT NULL,    -- of the action in its rule, from 0
    parameters  TEXT    NOT NULL,    -- JSON, templates replaced
    size_bytes  INTEGER NOT NULL     -- what it weighs against the outbox's limits
);
CREATE INDEX rules_outbox_target ON rules_outbox (target, id);
