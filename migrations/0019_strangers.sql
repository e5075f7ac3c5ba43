-- Conversations that somebody began who is no contact, until the owner decides; who is blocked; and whose safety number was
-- compared (docs/PROTOCOL.md §6.16). A contact's key is its account, so a mark can belong to no other key.
CREATE TABLE stranger_request (
    conversation BLOB PRIMARY KEY NOT NULL,
    account      BLOB NOT NULL,
    fingerprint  TEXT NOT NULL,
    at_ms        INTEGER NOT NULL,
    refused      INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE blocked (
    account BLOB PRIMARY KEY NOT NULL,
    name    TEXT NOT NULL,
    at_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE verified (
    account       BLOB PRIMARY KEY NOT NULL,
    safety_number TEXT NOT NULL,
    at_ms         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
