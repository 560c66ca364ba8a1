-- Who may sign in, and by what. Times are milliseconds since 1970; flags are 0 and 1.

CREATE TABLE accounts (
    id {id},
    uuid TEXT NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    display_name TEXT NOT NULL,
    bio TEXT NOT NULL,
    email TEXT,
    email_key TEXT,
    avatar_url TEXT,
    wallet_address TEXT,
    password_hash TEXT,
    is_admin BIGINT NOT NULL,
    is_disabled BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    last_login_at_ms BIGINT
);
CREATE UNIQUE INDEX accounts__uuid ON accounts (uuid);
CREATE UNIQUE INDEX accounts__name_key ON accounts (name_key);
CREATE UNIQUE INDEX accounts__email_key ON accounts (email_key);
CREATE UNIQUE INDEX accounts__wallet_address ON accounts (wallet_address);

-- Links that sign an account in once.
CREATE TABLE signin_links (
    id {id},
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    token_hash {blob} NOT NULL,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    used_at_ms BIGINT
);
CREATE UNIQUE INDEX signin_links__token_hash ON signin_links (token_hash);
CREATE INDEX signin_links_of_account ON signin_links (account_id);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    secret_hash {blob} NOT NULL,
    previous_hash {blob},
    previous_until_ms BIGINT,
    address TEXT,
    user_agent TEXT,
    created_at_ms BIGINT NOT NULL,
    rotated_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL
);
CREATE INDEX sessions_of_account ON sessions (account_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at_ms);

CREATE TABLE tokens (
    id {id},
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    token_hash {blob} NOT NULL,
    last_eight TEXT NOT NULL,
    scopes TEXT NOT NULL,
    -- Whether the token counts only for the repositories in token_repositories. A flag of its
    -- own, so that a token whose last repository is gone counts for none, not for all.
    is_bound BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT,
    last_used_at_ms BIGINT
);
CREATE UNIQUE INDEX tokens__token_hash ON tokens (token_hash);
CREATE INDEX tokens_of_account ON tokens (account_id);

CREATE TABLE token_repositories (
    token_id BIGINT NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    repository_id BIGINT NOT NULL,
    PRIMARY KEY (token_id, repository_id)
);

-- One key opens one thing: the keys of accounts and those of repositories share this list.
CREATE TABLE ssh_key_fingerprints (
    fingerprint TEXT NOT NULL
);
CREATE UNIQUE INDEX ssh_key_fingerprints__fingerprint ON ssh_key_fingerprints (fingerprint);

CREATE TABLE ssh_keys (
    id {id},
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    public_key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    last_used_at_ms BIGINT
);
CREATE UNIQUE INDEX ssh_keys__fingerprint ON ssh_keys (fingerprint);
CREATE INDEX ssh_keys_of_account ON ssh_keys (account_id);
