-- Groups whose members change: whom a message was for, and what may have to be sent again.

-- Whom my messages were for: the members' nodes at sending, 64 bytes each (node, account). Messages that were sent
-- under the same members share a row; `audience` 0 is a message of before there were audiences.
CREATE TABLE audience (
    conversation BLOB NOT NULL,
    number       INTEGER NOT NULL,
    nodes        BLOB NOT NULL,
    PRIMARY KEY (conversation, number)
) STRICT, WITHOUT ROWID;
ALTER TABLE message ADD COLUMN audience INTEGER NOT NULL DEFAULT 0;

-- My messages that may have to be sent again, in which epoch each was encrypted last, and the nonce that keeps its id.
CREATE TABLE sent (
    conversation BLOB NOT NULL,
    sequence     INTEGER NOT NULL,
    message      BLOB NOT NULL,
    group_id     BLOB NOT NULL,
    epoch        BLOB NOT NULL,
    nonce        BLOB NOT NULL,
    sent_at_ms   INTEGER NOT NULL,
    PRIMARY KEY (conversation, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX sent_by_time ON sent (sent_at_ms);

-- Whether messages of this conversation are still to be looked at for sending again; survives a crash between parts.
ALTER TABLE conversation ADD COLUMN resend_owed INTEGER NOT NULL DEFAULT 0;

-- Whether this author's node waits for a receipt.
ALTER TABLE received ADD COLUMN receipt_owed INTEGER NOT NULL DEFAULT 0;

-- Who brought a parked envelope: nobody may fill the place of others.
ALTER TABLE parked ADD COLUMN peer BLOB NOT NULL DEFAULT x'';
CREATE INDEX parked_by_peer ON parked (peer);
