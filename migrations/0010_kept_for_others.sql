-- Members keep what others wrote for each other, and know who keeps what of theirs (docs/PROTOCOL.md §6.13).

-- `group_id` is set while an envelope is among those that the members of a group compare; `week` is that of its topic,
-- `number` MLS's number of the epoch that it names, and `epoch` that epoch. One that was received loses its bytes when it is compared no more.
ALTER TABLE envelope ADD COLUMN group_id BLOB NOT NULL DEFAULT x'';
ALTER TABLE envelope ADD COLUMN week INTEGER NOT NULL DEFAULT 0;
ALTER TABLE envelope ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE envelope ADD COLUMN epoch BLOB NOT NULL DEFAULT x'';
ALTER TABLE envelope ADD COLUMN received INTEGER NOT NULL DEFAULT 0;
CREATE INDEX envelope_held ON envelope (group_id, number, week, id) WHERE group_id <> x'';

-- From which epoch on, by MLS's number, a node has been in a group: what is older it cannot read. None: from the beginning.
CREATE TABLE member_since (
    group_id BLOB NOT NULL,
    node     BLOB NOT NULL,
    number   INTEGER NOT NULL,
    PRIMARY KEY (group_id, node)
) STRICT, WITHOUT ROWID;

-- Who said that it keeps an envelope of mine for the others, and when.
CREATE TABLE keeper (
    envelope BLOB NOT NULL,
    keeper   BLOB NOT NULL,
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (envelope, keeper)
) STRICT, WITHOUT ROWID;
CREATE INDEX keeper_by_time ON keeper (at_ms);
