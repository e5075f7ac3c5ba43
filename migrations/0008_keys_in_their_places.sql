-- The keys of epochs get a table whose rows never move.

-- SQLite zeroes what is deleted, but not the copies that it leaves in a page when it moves a row to another one. A row
-- here keeps its place and its size for ever: to forget a key is to write zeros over it where it lies, and the place is
-- used again. What the key sealed may leave copies behind; nobody can open them.
CREATE TABLE epoch_key (
    slot       INTEGER PRIMARY KEY NOT NULL,
    used       INTEGER NOT NULL,
    sealed_key BLOB NOT NULL
) STRICT;
CREATE INDEX epoch_key_free ON epoch_key (slot) WHERE used = 0;

INSERT INTO epoch_key (used, sealed_key) SELECT 1, sealed_key FROM epoch;
ALTER TABLE epoch ADD COLUMN key_slot INTEGER NOT NULL DEFAULT 0;
UPDATE epoch SET key_slot = (SELECT slot FROM epoch_key WHERE epoch_key.sealed_key = epoch.sealed_key);
ALTER TABLE epoch DROP COLUMN sealed_key;
