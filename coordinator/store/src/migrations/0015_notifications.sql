-- What people want to hear of issues, and what they have heard.

-- What somebody said of one issue, `subscribed` or `muted`; or `named`, where somebody else named them.
CREATE TABLE issue_subscriptions (
    issue_id BIGINT NOT NULL REFERENCES issues (id) ON DELETE CASCADE,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    state TEXT NOT NULL,
    -- The event that named them.
    event_id BIGINT,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (issue_id, account_id)
);
CREATE INDEX issue_subscriptions__account_id ON issue_subscriptions (account_id);

-- One for each issue of which somebody heard: what they heard last, and whether they have seen it.
CREATE TABLE notifications (
    id {id},
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    issue_id BIGINT NOT NULL REFERENCES issues (id) ON DELETE CASCADE,
    reason TEXT NOT NULL,
    event_id BIGINT NOT NULL,
    unread BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX notifications__account_id__issue_id ON notifications (account_id, issue_id);
CREATE INDEX notifications__by_update ON notifications (account_id, updated_at_ms, id);
CREATE INDEX notifications__unread ON notifications (account_id, updated_at_ms, id) WHERE unread = 1;
CREATE INDEX notifications__issue_id ON notifications (issue_id);
CREATE INDEX notifications__repository_id ON notifications (repository_id);

-- Who was told of which event, so that nobody is told twice; removed with the events.
CREATE TABLE notices (
    event_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (event_id, account_id)
);
CREATE INDEX notices__at_ms ON notices (at_ms);

-- What is mailed to somebody: `all`, `participating` or `none`; who has no row gets the second.
CREATE TABLE notification_settings (
    account_id BIGINT PRIMARY KEY REFERENCES accounts (id),
    mails TEXT NOT NULL
);
