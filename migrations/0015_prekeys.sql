-- What somebody needs to add a node while it is away lies at its mailboxes (docs/PROTOCOL.md §4.9). A last-resort key package
-- for hybrid groups, for which no card has room, is one of `key_package` with `last_resort` 2; that of another's node, which
-- its mailbox gave, one of `fetched_package` with `suite` 3.

-- What the owner of a queue left there, sealed.
CREATE TABLE mailbox_prekeys (
    queue BLOB NOT NULL UNIQUE,
    bytes BLOB NOT NULL
) STRICT;

-- How long that is, and when it was left.
ALTER TABLE mailbox_queue ADD COLUMN prekeys_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mailbox_queue ADD COLUMN prekeys_at_ms INTEGER NOT NULL DEFAULT 0;
