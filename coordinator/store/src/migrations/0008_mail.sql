-- Addresses that were proven, and the links that were sent to addresses.

-- When it was last seen that who has the account reads what is sent to its address.
ALTER TABLE accounts ADD COLUMN email_verified_at_ms BIGINT;

-- Links in letters. `reset` sets another password, `verify` proves the address.
CREATE TABLE mail_links (
    id {id},
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL,
    -- The address that it was sent to: the account may have another one by now.
    email TEXT NOT NULL,
    token_hash {blob} NOT NULL,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX mail_links__token_hash ON mail_links (token_hash);
CREATE INDEX mail_links__account_id ON mail_links (account_id);
