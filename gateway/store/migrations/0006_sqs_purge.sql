-- One row per queue that is being purged: all its messages sent before that sequence go. The row is
-- removed with the last of them, so that a purge goes on after a restart.
CREATE TABLE sqs_purge (
    queue           INTEGER PRIMARY KEY,
    before_sequence INTEGER NOT NULL
);
