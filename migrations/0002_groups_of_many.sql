-- Groups of many: what a group is called and shows, roles, changes that are wanted, the lines that tell changes,
-- invites, people who are known only as fellow members, and key packages that are used once.

-- `picture` is the picture's hash. `standing`: 1 member, 2 left, 3 removed, 4 coming back, 5 joining.
ALTER TABLE conversation ADD COLUMN topic TEXT NOT NULL DEFAULT '';
ALTER TABLE conversation ADD COLUMN picture BLOB NOT NULL DEFAULT x'';
ALTER TABLE conversation ADD COLUMN standing INTEGER NOT NULL DEFAULT 1;

-- 0 owner, 1 admin, 2 member, 3 read-only.
ALTER TABLE member ADD COLUMN role INTEGER NOT NULL DEFAULT 2;

-- `met` marks people who are no contacts, only fellow members of a group.
ALTER TABLE contact ADD COLUMN met INTEGER NOT NULL DEFAULT 0;

-- `kind`: 0 text, 1 a line that tells a change, whose `body` says which. `shared_by` gave the message to this node
-- from before its time.
ALTER TABLE message ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN body BLOB NOT NULL DEFAULT x'';
ALTER TABLE message ADD COLUMN late INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN shared_by BLOB NOT NULL DEFAULT x'';

-- What each commit of a group's tree would say in the transcript; it says so (`shown`) while it is on the way to the
-- head. Rows go when their epoch leaves the tree; lines that are shown then stay for ever.
CREATE TABLE change_line (
    group_id        BLOB NOT NULL,
    epoch           BLOB NOT NULL,
    author          BLOB NOT NULL,
    author_node     BLOB NOT NULL,
    committed_at_ms INTEGER NOT NULL,
    place           INTEGER NOT NULL,
    body            BLOB NOT NULL,
    shown           INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (group_id, epoch)
) STRICT, WITHOUT ROWID;

-- Changes that the owner of this node wanted. `epoch` is the one that this node's commit made, empty while none stands;
-- `due_ms` is when to make it (again), NULL while the commit is on the way to the head. `dropped` says in a sentence
-- why it was given up.
CREATE TABLE intent (
    id         INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    group_id   BLOB NOT NULL,
    made_at_ms INTEGER NOT NULL,
    body       BLOB NOT NULL,
    epoch      BLOB NOT NULL DEFAULT x'',
    due_ms     INTEGER,
    dropped    TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX intent_by_group ON intent (group_id);

-- Invites that this node made: the secret goes into the link.
CREATE TABLE invite (
    group_id    BLOB NOT NULL,
    id          BLOB NOT NULL,
    sealed_seed BLOB NOT NULL,
    PRIMARY KEY (group_id, id)
) STRICT, WITHOUT ROWID;

-- Groups that the owner of this node asked to join by a link, until the Welcome comes or somebody refuses.
CREATE TABLE joining (
    group_id     BLOB PRIMARY KEY NOT NULL,
    sealed_link  BLOB NOT NULL,
    asked_at_ms  INTEGER NOT NULL,
    refused      TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

-- People who asked to join by an invite that needs approval: `request` is their signed request.
CREATE TABLE join_request (
    group_id    BLOB NOT NULL,
    account     BLOB NOT NULL,
    request     BLOB NOT NULL,
    asked_at_ms INTEGER NOT NULL,
    PRIMARY KEY (group_id, account)
) STRICT, WITHOUT ROWID;

-- Own key packages: `suite` 1 classic, 2 hybrid; those for one use are `offered` to one node and deleted on use.
ALTER TABLE key_package ADD COLUMN suite INTEGER NOT NULL DEFAULT 1;
ALTER TABLE key_package ADD COLUMN last_resort INTEGER NOT NULL DEFAULT 1;
ALTER TABLE key_package ADD COLUMN offered INTEGER NOT NULL DEFAULT 0;

-- Key packages of others' nodes, fetched while they were connected, each for one use.
CREATE TABLE fetched_package (
    node          BLOB NOT NULL,
    suite         INTEGER NOT NULL,
    fetched_at_ms INTEGER NOT NULL,
    bytes         BLOB NOT NULL,
    PRIMARY KEY (node, suite, bytes)
) STRICT, WITHOUT ROWID;
