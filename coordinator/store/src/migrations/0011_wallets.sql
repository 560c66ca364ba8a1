-- Ethereum addresses that open an account, in lower case.
CREATE TABLE wallets (
    address TEXT NOT NULL,
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    created_at_ms BIGINT NOT NULL,
    last_used_at_ms BIGINT
);
CREATE UNIQUE INDEX wallets__address ON wallets (address);
CREATE INDEX wallets__account_id ON wallets (account_id);
INSERT INTO wallets (address, account_id, created_at_ms)
    SELECT wallet_address, id, created_at_ms FROM accounts WHERE wallet_address IS NOT NULL;

-- What a wallet signs, once. A row is gone when it was used.
CREATE TABLE wallet_nonces (
    nonce TEXT PRIMARY KEY,
    expires_at_ms BIGINT NOT NULL
);
CREATE INDEX wallet_nonces__expires_at_ms ON wallet_nonces (expires_at_ms);
