-- API tokens: only hashes of their texts are kept. What a token is for is said here; that it is for all conversations has a
-- column of its own, so that rows which are lost narrow it and never widen it.
CREATE TABLE api_token (
    id                BLOB PRIMARY KEY NOT NULL,
    token_hash        BLOB NOT NULL UNIQUE,
    name              TEXT NOT NULL,
    may_read          INTEGER NOT NULL,
    may_write         INTEGER NOT NULL,
    all_conversations INTEGER NOT NULL,
    created_at_ms     INTEGER NOT NULL,
    expires_at_ms     INTEGER,
    last_used_at_ms   INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE api_token_conversation (
    token        BLOB NOT NULL,
    conversation BLOB NOT NULL,
    PRIMARY KEY (token, conversation)
) STRICT, WITHOUT ROWID;
