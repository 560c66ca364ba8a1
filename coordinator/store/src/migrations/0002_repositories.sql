-- Repositories and all that decides what they contain: refs, packs and pushes; and the job table.

-- The last number given out for each kind of thing whose number is needed before its row exists.
CREATE TABLE reserved_numbers (
    name TEXT PRIMARY KEY,
    last BIGINT NOT NULL
);
INSERT INTO reserved_numbers (name, last) VALUES ('repositories', 0);

CREATE TABLE repositories (
    id BIGINT PRIMARY KEY,
    uuid TEXT NOT NULL,
    owner_id BIGINT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    description TEXT NOT NULL,
    private BIGINT NOT NULL,
    object_format TEXT NOT NULL,
    default_bookmark TEXT NOT NULL,
    archived BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    access_epoch BIGINT NOT NULL,
    restore_epoch BIGINT NOT NULL,
    ref_count BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    pushed_at_ms BIGINT,
    deleted_at_ms BIGINT
);
-- A deleted repository keeps its row and gives its name free.
CREATE UNIQUE INDEX repositories__owner_id__name_key ON repositories (owner_id, name_key) WHERE deleted_at_ms IS NULL;
CREATE UNIQUE INDEX repositories__uuid ON repositories (uuid);
CREATE INDEX repositories__deleted_at_ms ON repositories (deleted_at_ms) WHERE deleted_at_ms IS NOT NULL;

CREATE TABLE redirects (
    owner_id BIGINT NOT NULL REFERENCES accounts (id),
    name_key TEXT NOT NULL,
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (owner_id, name_key)
);
CREATE INDEX redirects__repository_id ON redirects (repository_id);

CREATE TABLE collaborators (
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    role TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (repository_id, account_id)
);
CREATE INDEX collaborators__account_id ON collaborators (account_id);

CREATE TABLE deploy_keys (
    id {id},
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    name TEXT NOT NULL,
    public_key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    writes BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    last_used_at_ms BIGINT
);
CREATE UNIQUE INDEX deploy_keys__fingerprint ON deploy_keys (fingerprint);
CREATE INDEX deploy_keys__repository_id ON deploy_keys (repository_id);

-- Names are bytes, so that both engines compare and sort them as git does.
CREATE TABLE refs (
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    name {blob} NOT NULL,
    oid {blob} NOT NULL,
    peeled {blob},
    PRIMARY KEY (repository_id, name)
);

-- `uploading`, `live` by the push's commit, `replaced` by a larger one, `dead` by the sweeper, gone.
-- An upload may precede its repository, which is made by the same push: no foreign key.
CREATE TABLE packs (
    id TEXT PRIMARY KEY,
    repository_id BIGINT NOT NULL,
    state TEXT NOT NULL,
    checksum TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    object_count BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    lease_until_ms BIGINT NOT NULL
);
CREATE INDEX packs__repository_id__state ON packs (repository_id, state);
CREATE INDEX packs__state__lease_until_ms ON packs (state, lease_until_ms);

CREATE TABLE pushes (
    id TEXT PRIMARY KEY,
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    account_id BIGINT REFERENCES accounts (id),
    deploy_key_id BIGINT,
    pack_id TEXT,
    generation BIGINT NOT NULL,
    options TEXT NOT NULL,
    request_id TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX pushes__repository_id__generation ON pushes (repository_id, generation);

CREATE TABLE push_updates (
    push_id TEXT NOT NULL REFERENCES pushes (id),
    name {blob} NOT NULL,
    old_oid {blob},
    new_oid {blob},
    PRIMARY KEY (push_id, name)
);

-- One row for each thing still owed. A second request for the same `coalesce_key` raises `revision`
-- instead of adding a row; a job that finishes deletes only the revision that it saw.
CREATE TABLE jobs (
    id {id},
    kind TEXT NOT NULL,
    coalesce_key TEXT NOT NULL,
    payload TEXT NOT NULL,
    request_id TEXT NOT NULL,
    revision BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    run_after_ms BIGINT NOT NULL,
    lease_owner TEXT,
    lease_until_ms BIGINT,
    last_error TEXT,
    created_at_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX jobs__coalesce_key ON jobs (coalesce_key);
CREATE INDEX jobs__run_after_ms ON jobs (run_after_ms);
