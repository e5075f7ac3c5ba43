-- Mailboxes: those that keep envelopes for this node, what was deposited for others, and what this node keeps for others
-- (docs/PROTOCOL.md §6.14).

-- Who keeps envelopes for this node. `addresses` as on a card; `token` lets others deposit and stands on the card;
-- `sealed_admission` is the word that the mailbox asked for.
CREATE TABLE mailbox (
    peer             BLOB PRIMARY KEY NOT NULL,
    name             TEXT NOT NULL,
    addresses        BLOB NOT NULL,
    token            BLOB NOT NULL,
    sealed_admission BLOB NOT NULL,
    used_since_ms    INTEGER NOT NULL,
    opened_at_ms     INTEGER,
    collected_at_ms  INTEGER,
    refused          TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

-- Up to which row of the outbox all that `peer` is owed lies at a mailbox of theirs.
CREATE TABLE deposited (
    peer   BLOB NOT NULL,
    keeper BLOB NOT NULL,
    up_to  INTEGER NOT NULL,
    PRIMARY KEY (peer, keeper)
) STRICT, WITHOUT ROWID;

-- Which of my messages some mailbox acknowledged that it keeps for a reader's node (ranges), and which one when.
ALTER TABLE ledger ADD COLUMN stored BLOB NOT NULL DEFAULT x'0000';
CREATE TABLE stored (
    conversation   BLOB NOT NULL,
    reader_node    BLOB NOT NULL,
    keeper         BLOB NOT NULL,
    first_sequence INTEGER NOT NULL,
    last_sequence  INTEGER NOT NULL,
    at_ms          INTEGER NOT NULL,
    PRIMARY KEY (conversation, reader_node, keeper, first_sequence)
) STRICT, WITHOUT ROWID;

-- What this node keeps for others: a queue is named by the hash of the word that lets deposit, and belongs to whose peer
-- key hashes to `owner`. Nothing else is known of either side; what is kept is sealed.
CREATE TABLE mailbox_queue (
    id              BLOB PRIMARY KEY NOT NULL,
    owner           BLOB NOT NULL,
    opened_at_ms    INTEGER NOT NULL,
    collected_at_ms INTEGER NOT NULL,
    items           INTEGER NOT NULL DEFAULT 0,
    bytes           INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX mailbox_queue_by_owner ON mailbox_queue (owner);

-- Numbers are never used again (AUTOINCREMENT): what was collected is named by them.
CREATE TABLE mailbox_item (
    number       INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    queue        BLOB NOT NULL,
    stored_at_ms INTEGER NOT NULL,
    bytes        BLOB NOT NULL
) STRICT;
CREATE INDEX mailbox_item_by_queue ON mailbox_item (queue, number);
CREATE INDEX mailbox_item_by_time ON mailbox_item (stored_at_ms);
