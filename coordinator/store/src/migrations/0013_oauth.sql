-- Applications that act for people, and what people allowed them.

CREATE TABLE oauth_apps (
    id {id},
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    website TEXT NOT NULL,
    -- One a line; what an application is sent back to is compared with them sign by sign.
    redirect_uris TEXT NOT NULL,
    client_id TEXT NOT NULL,
    -- None: an application that can keep no secret.
    secret_hash {blob},
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX oauth_apps__client_id ON oauth_apps (client_id);
CREATE INDEX oauth_apps__account_id ON oauth_apps (account_id);

-- That somebody allowed an application something: all that was allowed and not withdrawn.
CREATE TABLE oauth_authorizations (
    id {id},
    app_id BIGINT NOT NULL REFERENCES oauth_apps (id) ON DELETE CASCADE,
    account_id BIGINT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    scopes TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX oauth_authorizations__account_id__app_id ON oauth_authorizations (account_id, app_id);
CREATE INDEX oauth_authorizations__app_id ON oauth_authorizations (app_id);

-- One yes, its code, and the family of tokens that came of it: whatever shows that one of them was
-- stolen ends them all.
CREATE TABLE oauth_grants (
    id {id},
    authorization_id BIGINT NOT NULL REFERENCES oauth_authorizations (id) ON DELETE CASCADE,
    scopes TEXT NOT NULL,
    code_hash {blob} NOT NULL,
    redirect_uri TEXT NOT NULL,
    code_challenge TEXT NOT NULL,
    nonce TEXT,
    code_expires_at_ms BIGINT NOT NULL,
    code_used_at_ms BIGINT
);
CREATE UNIQUE INDEX oauth_grants__code_hash ON oauth_grants (code_hash);
CREATE INDEX oauth_grants__authorization_id ON oauth_grants (authorization_id);
CREATE INDEX oauth_grants__code_expires_at_ms ON oauth_grants (code_expires_at_ms);

-- Each is used once; used ones stay, so that a second use is seen.
CREATE TABLE oauth_refresh_tokens (
    id {id},
    grant_id BIGINT NOT NULL REFERENCES oauth_grants (id) ON DELETE CASCADE,
    token_hash {blob} NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    used_at_ms BIGINT
);
CREATE UNIQUE INDEX oauth_refresh_tokens__token_hash ON oauth_refresh_tokens (token_hash);
CREATE INDEX oauth_refresh_tokens__grant_id ON oauth_refresh_tokens (grant_id);
CREATE INDEX oauth_refresh_tokens__expires_at_ms ON oauth_refresh_tokens (expires_at_ms);

-- An application's tokens are tokens like others, and go with what they came of.
ALTER TABLE tokens ADD COLUMN grant_id BIGINT REFERENCES oauth_grants (id) ON DELETE CASCADE;
CREATE INDEX tokens__grant_id ON tokens (grant_id);
