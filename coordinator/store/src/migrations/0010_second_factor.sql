-- What somebody shows beside their password.

-- One-time codes of an app (RFC 6238).
CREATE TABLE second_factors (
    account_id BIGINT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    -- Under a key that is not in the database.
    sealed_secret {blob} NOT NULL,
    created_at_ms BIGINT NOT NULL,
    -- When the first code was shown; none while it is being set up, and counts for nothing.
    confirmed_at_ms BIGINT,
    -- The last half minute whose code was taken: neither it nor an earlier one is taken again.
    last_step BIGINT NOT NULL,
    -- Wrong codes since the last right one.
    failures BIGINT NOT NULL,
    -- Until when no code is looked at.
    locked_until_ms BIGINT NOT NULL
);

-- Codes for the day on which the app is lost. Each is gone once it was used.
CREATE TABLE recovery_codes (
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    code_hash {blob} NOT NULL,
    PRIMARY KEY (account_id, code_hash)
);
