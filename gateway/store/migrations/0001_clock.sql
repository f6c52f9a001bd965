-- Gateway time: one row, saved with every commit (see gateway/clock.py).
CREATE TABLE clock (
    id              INTEGER PRIMARY KEY CHECK (id = 1),
    gateway_ms      INTEGER NOT NULL,
    boot_ms         INTEGER NOT NULL,
    boot_id         TEXT    NOT NULL,
    wall_ms         INTEGER NOT NULL,
    wall_gateway_ms INTEGER NOT NULL,
    off_time_owed   INTEGER NOT NULL
);
