-- A mailbox that drops or withholds is found out (docs/PROTOCOL.md §6.14, The tally).

-- How many deposits for `peer` one of its mailboxes acknowledged. `mailbox` names it and the word that lets deposit;
-- `stream` is this node's name with that reader, the same for all of its mailboxes.
CREATE TABLE deposit_count (
    peer    BLOB NOT NULL,
    mailbox BLOB NOT NULL,
    stream  BLOB NOT NULL,
    kept    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (peer, mailbox)
) STRICT, WITHOUT ROWID;

-- What came from a mailbox of this node, of each sender's stream (ranges of numbers), and how much its sender says was
-- acknowledged: `judged` as it was when the present round of collecting began.
CREATE TABLE deposit_tally (
    peer     BLOB NOT NULL,
    stream   BLOB NOT NULL,
    seen     BLOB NOT NULL,
    claimed  INTEGER NOT NULL DEFAULT 0,
    judged   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (peer, stream)
) STRICT, WITHOUT ROWID;

-- How much a mailbox did not give that it had acknowledged, and how many senders say so; when a test envelope came back
-- from it last, and why the last one did not.
ALTER TABLE mailbox ADD COLUMN missing INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mailbox ADD COLUMN missing_says INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mailbox ADD COLUMN proved_at_ms INTEGER;
ALTER TABLE mailbox ADD COLUMN unproved TEXT NOT NULL DEFAULT '';
