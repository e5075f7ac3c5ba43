-- Welcomes that wait: one that cannot be taken yet is kept, and the package it was made for is kept for a while after use.

-- When the first Welcome for a single-use package was taken (docs/PROTOCOL.md §2.5); NULL while it is unused.
ALTER TABLE key_package ADD COLUMN used_at_ms INTEGER;

-- Welcomes into a group that is here, each as its sealed envelope, the newest of each inviter (docs/PROTOCOL.md §3.7).
CREATE TABLE kept_welcome (
    group_id   BLOB NOT NULL,
    inviter    BLOB NOT NULL,
    kept_at_ms INTEGER NOT NULL,
    bytes      BLOB NOT NULL,
    PRIMARY KEY (group_id, inviter)
) STRICT, WITHOUT ROWID;
