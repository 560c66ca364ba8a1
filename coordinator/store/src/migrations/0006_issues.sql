-- Issues: what people report, ask and plan in a repository, and all that is said and done about it.

-- Numbers are shared with changes under review: the next one is taken with the row locked, and none
-- is given out twice. The counts are of issues, so that no list has to count them.
ALTER TABLE repositories ADD COLUMN next_number BIGINT NOT NULL DEFAULT 1;
ALTER TABLE repositories ADD COLUMN open_issues BIGINT NOT NULL DEFAULT 0;
ALTER TABLE repositories ADD COLUMN closed_issues BIGINT NOT NULL DEFAULT 0;

CREATE TABLE labels (
    id {id},
    uuid TEXT NOT NULL,
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    color TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX labels__repository_id__name_key ON labels (repository_id, name_key);

CREATE TABLE milestones (
    id {id},
    uuid TEXT NOT NULL,
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    title TEXT NOT NULL,
    title_key TEXT NOT NULL,
    description TEXT NOT NULL,
    state TEXT NOT NULL,
    due_at_ms BIGINT,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    closed_at_ms BIGINT
);
CREATE UNIQUE INDEX milestones__repository_id__title_key ON milestones (repository_id, title_key);

CREATE TABLE issues (
    id {id},
    uuid TEXT NOT NULL,
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    number BIGINT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    -- Why it was closed: completed, not_planned or duplicate.
    reason TEXT,
    author_id BIGINT NOT NULL REFERENCES accounts (id),
    milestone_id BIGINT REFERENCES milestones (id) ON DELETE SET NULL,
    due_at_ms BIGINT,
    locked BIGINT NOT NULL,
    comment_count BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    closed_at_ms BIGINT,
    closed_by_id BIGINT REFERENCES accounts (id)
);
CREATE UNIQUE INDEX issues__uuid ON issues (uuid);
CREATE UNIQUE INDEX issues__repository_id__number ON issues (repository_id, number);
-- One for each way in which a list is sorted; filters are looked up from there.
CREATE INDEX issues__by_number ON issues (repository_id, state, number);
CREATE INDEX issues__by_update ON issues (repository_id, state, updated_at_ms, number);
CREATE INDEX issues__by_comments ON issues (repository_id, state, comment_count, number);
CREATE INDEX issues__by_author ON issues (author_id, repository_id, state, number);
CREATE INDEX issues__by_milestone ON issues (milestone_id, state) WHERE milestone_id IS NOT NULL;

CREATE TABLE issue_labels (
    issue_id BIGINT NOT NULL REFERENCES issues (id) ON DELETE CASCADE,
    label_id BIGINT NOT NULL REFERENCES labels (id) ON DELETE CASCADE,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (issue_id, label_id)
);
CREATE INDEX issue_labels__label_id ON issue_labels (label_id, issue_id);

CREATE TABLE issue_assignees (
    issue_id BIGINT NOT NULL REFERENCES issues (id) ON DELETE CASCADE,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (issue_id, account_id)
);
CREATE INDEX issue_assignees__account_id ON issue_assignees (account_id, issue_id);

CREATE TABLE issue_comments (
    id {id},
    uuid TEXT NOT NULL,
    issue_id BIGINT NOT NULL REFERENCES issues (id) ON DELETE CASCADE,
    author_id BIGINT NOT NULL REFERENCES accounts (id),
    body TEXT NOT NULL,
    edited BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);
CREATE INDEX issue_comments__issue_id ON issue_comments (issue_id, id);

-- To an issue, or to a comment on it.
CREATE TABLE issue_reactions (
    id {id},
    issue_id BIGINT NOT NULL REFERENCES issues (id) ON DELETE CASCADE,
    comment_id BIGINT REFERENCES issue_comments (id) ON DELETE CASCADE,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    emoji TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX issue_reactions__issue_id__account_id__emoji
    ON issue_reactions (issue_id, account_id, emoji) WHERE comment_id IS NULL;
CREATE UNIQUE INDEX issue_reactions__comment_id__account_id__emoji
    ON issue_reactions (comment_id, account_id, emoji) WHERE comment_id IS NOT NULL;
CREATE INDEX issue_reactions__issue_id ON issue_reactions (issue_id);

CREATE TABLE issue_pins (
    issue_id BIGINT PRIMARY KEY REFERENCES issues (id) ON DELETE CASCADE,
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    created_at_ms BIGINT NOT NULL
);
CREATE INDEX issue_pins__repository_id ON issue_pins (repository_id, created_at_ms);

-- `issue_id` blocks, duplicates or relates to `other_id`; of what goes both ways the smaller id is
-- the first.
CREATE TABLE issue_relations (
    issue_id BIGINT NOT NULL REFERENCES issues (id) ON DELETE CASCADE,
    other_id BIGINT NOT NULL REFERENCES issues (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    created_by_id BIGINT REFERENCES accounts (id),
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (issue_id, other_id, kind),
    CHECK (issue_id <> other_id)
);
CREATE INDEX issue_relations__other_id ON issue_relations (other_id, kind);

-- What was done to an issue beside what was said: never changed, gone with it.
CREATE TABLE issue_events (
    id {id},
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    issue_id BIGINT NOT NULL REFERENCES issues (id) ON DELETE CASCADE,
    -- None where the forge did it.
    actor_id BIGINT REFERENCES accounts (id),
    kind TEXT NOT NULL,
    detail TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL
);
CREATE INDEX issue_events__issue_id ON issue_events (issue_id, id);
CREATE INDEX issue_events__repository_id ON issue_events (repository_id, id);
