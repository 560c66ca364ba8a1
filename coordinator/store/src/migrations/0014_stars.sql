-- What people like and follow, and what repositories say they are about.

CREATE TABLE stars (
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (repository_id, account_id)
);
CREATE INDEX stars__account_id ON stars (account_id, created_at_ms);

-- `all`: hears of everything; `releases`: of releases; `ignore`: of nothing, not even by name. Who has
-- no row hears of what they take part in.
CREATE TABLE watches (
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    level TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (repository_id, account_id)
);
CREATE INDEX watches__account_id ON watches (account_id);

-- Whoever makes a repository watches it; of those that are there already its owner does.
INSERT INTO watches (repository_id, account_id, level, created_at_ms)
    SELECT r.id, r.owner_id, 'all', r.created_at_ms FROM repositories r
    JOIN accounts a ON a.id = r.owner_id WHERE a.kind = 'person';

CREATE TABLE topics (
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    topic TEXT NOT NULL,
    PRIMARY KEY (repository_id, topic)
);
CREATE INDEX topics__topic ON topics (topic, repository_id);
