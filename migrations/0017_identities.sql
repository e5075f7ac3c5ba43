-- Who people are elsewhere (docs/PROTOCOL.md §7).

-- Proofs: the owner's own, and those that contacts gave because their cards name them.
CREATE TABLE proof (
    id BLOB PRIMARY KEY,
    account BLOB NOT NULL,
    bytes BLOB NOT NULL,
    added_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX proof_of_account ON proof (account);

-- Keys that this node got from the issuers and domains themselves: what a proof can rest on besides what comes with it.
CREATE TABLE proof_key (
    id BLOB PRIMARY KEY,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL
) STRICT;

-- The issuers whose word counts here, and for which programs. The owner signs in as the one that is `own`.
CREATE TABLE issuer_client (
    issuer TEXT NOT NULL,
    client_id TEXT NOT NULL,
    sealed_secret BLOB,
    own INTEGER NOT NULL,
    PRIMARY KEY (issuer, client_id)
) STRICT;

-- Which of the owner's proofs were told to whom, in the conversation with them alone.
CREATE TABLE proof_told (
    account BLOB NOT NULL,
    proof BLOB NOT NULL,
    PRIMARY KEY (account, proof)
) STRICT, WITHOUT ROWID;
