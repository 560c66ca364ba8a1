-- Accounts elsewhere that open an account here.
CREATE TABLE identities (
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- As in `github`.
    provider TEXT NOT NULL,
    -- The number that the provider knows the account by; its name may change and be another's.
    subject TEXT NOT NULL,
    login TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    last_used_at_ms BIGINT
);
CREATE UNIQUE INDEX identities__provider__subject ON identities (provider, subject);
CREATE INDEX identities__account_id ON identities (account_id);
