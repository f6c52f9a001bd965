-- Tables and their items (see gateway/services/dynamodb/).

-- One row per table that was ever declared. Its key fields are kept, so that items are never read
-- under other ones than they were written with. The counters are written once per batch.
CREATE TABLE dynamodb_table (
    number              INTEGER PRIMARY KEY AUTOINCREMENT,
    name                TEXT    NOT NULL UNIQUE,
    partition_key       TEXT    NOT NULL,
    partition_key_type  TEXT    NOT NULL,  -- STRING or NUMBER
    sort_key            TEXT,              -- NULL: the partition key is the whole key
    sort_key_type       TEXT,
    items               INTEGER NOT NULL,  -- rows of dynamodb_item
    used_bytes          INTEGER NOT NULL   -- what they weigh against the table's limit
);

-- One row per item. Key values are encoded so that their bytes sort as the values do: text as
-- UTF-8, numbers by value.
CREATE TABLE dynamodb_item (
    table_number     INTEGER NOT NULL,
    partition_value  BLOB    NOT NULL,
    sort_value       BLOB    NOT NULL,  -- empty where the table has no sort key
    item             BLOB    NOT NULL,  -- a JSON object, key fields included
    PRIMARY KEY (table_number, partition_value, sort_value)
) WITHOUT ROWID;
