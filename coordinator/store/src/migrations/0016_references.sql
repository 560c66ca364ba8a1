-- Where issues are named, so that each place is told once in their history.
CREATE TABLE issue_references (
    issue_id BIGINT NOT NULL REFERENCES issues (id) ON DELETE CASCADE,
    -- The repository in which it is named. It refers to nothing: what is gone there is in nobody's way.
    repository_id BIGINT NOT NULL,
    -- `issue:` and the id of an issue, or `commit:` and that of a commit.
    source TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (issue_id, repository_id, source)
);
