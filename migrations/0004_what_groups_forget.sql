-- What groups forget: the members' ballots, by which a group settles where it is, and which epochs were removed.

-- A node's newest ballot, as it was signed (docs/PROTOCOL.md §3.3).
CREATE TABLE ballot (
    group_id BLOB NOT NULL,
    node     BLOB NOT NULL,
    bytes    BLOB NOT NULL,
    PRIMARY KEY (group_id, node)
) STRICT, WITHOUT ROWID;

-- Removed epochs, so that what comes late for them is told from what comes early. `lies_elsewhere`: it is below
-- nothing that is still in the tree.
CREATE TABLE removed_epoch (
    position       INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    group_id       BLOB NOT NULL,
    epoch          BLOB NOT NULL,
    lies_elsewhere INTEGER NOT NULL
) STRICT;
CREATE INDEX removed_epoch_by_group ON removed_epoch (group_id, position);
