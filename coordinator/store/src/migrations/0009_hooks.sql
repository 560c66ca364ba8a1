-- What happens, and the webhooks that are told of it.

-- Written in the transaction of its cause, read by webhooks and live streams, removed after a week.
-- An event refers to nothing, so that one of a repository that is removed is in nobody's way.
CREATE TABLE events (
    id {id},
    -- The transaction that wrote it, where several are under way at once: in the order of (tx, id),
    -- and as far as the oldest transaction that still is, no event appears before one that was seen.
    tx BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    kind TEXT NOT NULL,
    topic TEXT NOT NULL,
    repository_id BIGINT NOT NULL,
    -- None where it was no account.
    actor_id BIGINT,
    actor TEXT NOT NULL,
    payload TEXT NOT NULL
);
CREATE INDEX events__tx__id ON events (tx, id);
CREATE INDEX events__at_ms ON events (at_ms);

CREATE TABLE hooks (
    id {id},
    uuid TEXT NOT NULL,
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    url TEXT NOT NULL,
    -- Under a key that is not in the database.
    sealed_secret {blob},
    -- The chosen topics, with a comma between them; `*` for all.
    topics TEXT NOT NULL,
    format TEXT NOT NULL,
    -- Whether an event waits until the one before it has arrived or was given up.
    ordered BIGINT NOT NULL,
    active BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);
CREATE INDEX hooks__repository_id ON hooks (repository_id);

-- What a webhook is told of an event: owed, delivered or given up.
CREATE TABLE hook_deliveries (
    id {id},
    hook_id BIGINT NOT NULL REFERENCES hooks (id) ON DELETE CASCADE,
    event_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    -- Not before this moment, while it is owed.
    next_at_ms BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    -- What is known of the last attempt.
    attempted_at_ms BIGINT,
    took_ms BIGINT,
    status BIGINT,
    error TEXT,
    request TEXT,
    response TEXT,
    -- The delivery that this one repeats, because somebody asked.
    repeats BIGINT
);
CREATE INDEX hook_deliveries__hook_id__id ON hook_deliveries (hook_id, id);
CREATE INDEX hook_deliveries__owed ON hook_deliveries (hook_id, id) WHERE state = 'owed';
CREATE INDEX hook_deliveries__due ON hook_deliveries (hook_id, next_at_ms, id) WHERE state = 'owed';
CREATE INDEX hook_deliveries__created_at_ms ON hook_deliveries (created_at_ms);
