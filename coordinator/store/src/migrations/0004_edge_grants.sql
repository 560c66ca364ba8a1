-- What the edge may answer by itself, and until when: a change of the repository waits for it.
-- A grant is for a name under which the repository was asked for, in the spelling of its key.
CREATE TABLE edge_grants (
    repository_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    until_ms BIGINT NOT NULL,
    PRIMARY KEY (repository_id, name)
);
CREATE INDEX edge_grants__name ON edge_grants (name);
CREATE INDEX edge_grants__until_ms ON edge_grants (until_ms);
