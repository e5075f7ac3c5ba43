-- Everything that a node keeps for direct conversations: people, groups, messages, what is owed to whom.
-- Ids are BLOBs, times are milliseconds since 1970. Columns named `sealed_…` hold ciphertext under the vault's
-- database key (docs/PROTOCOL.md §8); the names and texts of this version are not sealed yet.

-- Small facts about this node: its name, the serial of its card, the port it chose.
CREATE TABLE setting (
    name  TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- People. `card` is their newest signed card, empty while only a short link (`short`) is known.
CREATE TABLE contact (
    account       BLOB PRIMARY KEY NOT NULL,
    name          TEXT NOT NULL,
    added         INTEGER NOT NULL,
    card          BLOB NOT NULL DEFAULT x'',
    short         TEXT NOT NULL DEFAULT '',
    safety_number TEXT NOT NULL DEFAULT '',
    known_at_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Secrets of the key packages that this node has handed out, by the package's reference.
CREATE TABLE key_package (
    reference     BLOB PRIMARY KEY NOT NULL,
    sealed_secret BLOB NOT NULL,
    public        BLOB NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Conversations. `next_sequence` numbers my own messages; `leaves` are the newest messages, which the next one names
-- as its parents; `receipt_owed` survives a crash between a message and its receipt.
CREATE TABLE conversation (
    id            BLOB PRIMARY KEY NOT NULL,
    kind          INTEGER NOT NULL,
    name          TEXT NOT NULL DEFAULT '',
    created_at_ms INTEGER NOT NULL,
    last_at_ms    INTEGER NOT NULL,
    next_sequence INTEGER NOT NULL DEFAULT 1,
    leaves        BLOB NOT NULL DEFAULT x'',
    receipt_owed  INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- The nodes of a conversation's members, taken from the certificates in its group's head epoch.
CREATE TABLE member (
    conversation BLOB NOT NULL,
    node         BLOB NOT NULL,
    account      BLOB NOT NULL,
    peer         BLOB NOT NULL,
    PRIMARY KEY (conversation, node)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_by_account ON member (account);

-- MLS groups. A direct conversation has two when both people started it at once; the lower id is used to send.
CREATE TABLE mls_group (
    id            BLOB PRIMARY KEY NOT NULL,
    conversation  BLOB NOT NULL,
    update_due_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX mls_group_by_conversation ON mls_group (conversation);
CREATE INDEX mls_group_by_update ON mls_group (update_due_ms) WHERE update_due_ms IS NOT NULL;

-- The topic secrets of a group's live epochs: what this node subscribes to.
CREATE TABLE topic (
    group_id      BLOB NOT NULL,
    position      INTEGER NOT NULL,
    sealed_secret BLOB NOT NULL,
    PRIMARY KEY (group_id, position)
) STRICT, WITHOUT ROWID;

-- The tree of epochs. Each epoch's state is sealed under a key of its own: deleting the key forgets the epoch.
CREATE TABLE epoch (
    group_id   BLOB NOT NULL,
    id         BLOB NOT NULL,
    sealed_key BLOB NOT NULL,
    sealed_row BLOB NOT NULL,
    PRIMARY KEY (group_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE epoch_state (
    group_id     BLOB NOT NULL,
    epoch        BLOB NOT NULL,
    name         BLOB NOT NULL,
    sealed_value BLOB NOT NULL,
    PRIMARY KEY (group_id, epoch, name)
) STRICT, WITHOUT ROWID;

-- Every envelope that went through this node, so that none is taken twice; `bytes` are kept for those it sends.
CREATE TABLE envelope (
    id           BLOB PRIMARY KEY NOT NULL,
    stored_at_ms INTEGER NOT NULL,
    bytes        BLOB NOT NULL DEFAULT x''
) STRICT;

-- Envelopes that name an epoch not known yet; they are read when it comes.
CREATE TABLE parked (
    envelope     BLOB PRIMARY KEY NOT NULL,
    group_id     BLOB NOT NULL,
    epoch        BLOB NOT NULL,
    parked_at_ms INTEGER NOT NULL,
    bytes        BLOB NOT NULL
) STRICT;
CREATE INDEX parked_by_epoch ON parked (group_id, epoch);

-- The transcript. Messages sort by (place, id), the same on every node.
CREATE TABLE message (
    id              BLOB PRIMARY KEY NOT NULL,
    conversation    BLOB NOT NULL,
    author          BLOB NOT NULL,
    author_node     BLOB NOT NULL,
    sequence        INTEGER NOT NULL,
    mine            INTEGER NOT NULL,
    seen            INTEGER NOT NULL,
    sent_at_ms      INTEGER NOT NULL,
    received_at_ms  INTEGER NOT NULL,
    place           INTEGER NOT NULL,
    parents         BLOB NOT NULL,
    reply_to        BLOB,
    text            TEXT NOT NULL,
    envelope        BLOB NOT NULL,
    idempotency_key TEXT
) STRICT;
CREATE INDEX message_by_place ON message (conversation, place, id);
CREATE INDEX message_mine ON message (conversation, sequence) WHERE mine = 1;
CREATE INDEX message_unseen ON message (conversation) WHERE seen = 0;
CREATE UNIQUE INDEX message_by_idempotency_key ON message (idempotency_key) WHERE idempotency_key IS NOT NULL;

-- Parents that have not arrived yet, and the messages that wait to be placed after them.
CREATE TABLE missing_parent (
    parent BLOB NOT NULL,
    child  BLOB NOT NULL,
    PRIMARY KEY (parent, child)
) STRICT, WITHOUT ROWID;

-- What this node received of each author's node, as ranges of sequence numbers: its receipts say so.
CREATE TABLE received (
    conversation BLOB NOT NULL,
    author_node  BLOB NOT NULL,
    received     BLOB NOT NULL,
    seen         BLOB NOT NULL,
    PRIMARY KEY (conversation, author_node)
) STRICT, WITHOUT ROWID;

-- What each recipient's node proved of my messages by receipts: the ranges now, and when each part was learnt.
CREATE TABLE ledger (
    conversation BLOB NOT NULL,
    reader_node  BLOB NOT NULL,
    delivered    BLOB NOT NULL,
    seen         BLOB NOT NULL,
    PRIMARY KEY (conversation, reader_node)
) STRICT, WITHOUT ROWID;

CREATE TABLE progress (
    conversation   BLOB NOT NULL,
    reader_node    BLOB NOT NULL,
    state          INTEGER NOT NULL,
    first_sequence INTEGER NOT NULL,
    last_sequence  INTEGER NOT NULL,
    at_ms          INTEGER NOT NULL,
    PRIMARY KEY (conversation, reader_node, state, first_sequence)
) STRICT, WITHOUT ROWID;

-- What is owed to whom. Ids are never used again (AUTOINCREMENT): an answer must not settle a later row. A row goes when the recipient's node says that it keeps the envelope, or proves it by a receipt.
CREATE TABLE outbox (
    id              INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    peer            BLOB NOT NULL,
    node            BLOB NOT NULL,
    kind            INTEGER NOT NULL,
    conversation    BLOB NOT NULL,
    sequence        INTEGER NOT NULL,
    envelope        BLOB NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    next_attempt_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_by_peer ON outbox (peer, id);
CREATE INDEX outbox_by_sequence ON outbox (conversation, kind, sequence);
CREATE INDEX outbox_by_attempt ON outbox (peer, next_attempt_ms);

-- Signed-in browsers and one-time links: only hashes of their tokens are kept.
CREATE TABLE session (
    id              BLOB PRIMARY KEY NOT NULL,
    token_hash      BLOB NOT NULL UNIQUE,
    user_agent      TEXT NOT NULL,
    created_at_ms   INTEGER NOT NULL,
    last_used_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sign_in (
    token_hash    BLOB PRIMARY KEY NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
