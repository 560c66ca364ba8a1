-- Organisations, who belongs to them and what that opens; what was done; tokens of agents.

-- `person`, or `organisation`: an owner to whom nobody signs in. Both share the names of owners.
ALTER TABLE accounts ADD COLUMN kind TEXT NOT NULL DEFAULT 'person';

-- `public`; `internal`, for everybody who is signed in; `private`.
ALTER TABLE repositories ADD COLUMN visibility TEXT NOT NULL DEFAULT 'public';
UPDATE repositories SET visibility = 'private' WHERE private = 1;
ALTER TABLE repositories DROP COLUMN private;

-- An organisation may lie in another one; never in itself, nor in one that lies in it.
CREATE TABLE organisations (
    account_id BIGINT PRIMARY KEY REFERENCES accounts (id),
    parent_id BIGINT REFERENCES organisations (account_id) DEFERRABLE INITIALLY DEFERRED,
    website TEXT NOT NULL,
    location TEXT NOT NULL
);
CREATE INDEX organisations__parent_id ON organisations (parent_id);

-- The role counts in every repository of the organisation and of those that lie in it. `member`
-- opens no repository by itself, `owner` is above `admin`.
CREATE TABLE organisation_members (
    organisation_id BIGINT NOT NULL REFERENCES organisations (account_id),
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    role TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, account_id)
);
CREATE INDEX organisation_members__account_id ON organisation_members (account_id);

-- The role of a team counts for its members as their own would.
CREATE TABLE teams (
    id {id},
    organisation_id BIGINT NOT NULL REFERENCES organisations (account_id),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    description TEXT NOT NULL,
    role TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX teams__organisation_id__name_key ON teams (organisation_id, name_key);

-- Who is in a team is in its organisation, and leaves the one with the other.
CREATE TABLE team_members (
    team_id BIGINT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    organisation_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (team_id, account_id),
    FOREIGN KEY (organisation_id, account_id)
        REFERENCES organisation_members (organisation_id, account_id) ON DELETE CASCADE
);
CREATE INDEX team_members__account_id ON team_members (account_id);
CREATE INDEX team_members__organisation_id__account_id ON team_members (organisation_id, account_id);

-- What a team may in one repository of its own organisation.
CREATE TABLE team_repositories (
    team_id BIGINT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    repository_id BIGINT NOT NULL REFERENCES repositories (id),
    role TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (team_id, repository_id)
);
CREATE INDEX team_repositories__repository_id ON team_repositories (repository_id);

-- What was done that bears on safety, by whom. Entries outlive what they are about, so that they
-- refer to nothing and carry its name.
CREATE TABLE audit (
    id {id},
    at_ms BIGINT NOT NULL,
    action TEXT NOT NULL,
    actor_id BIGINT,
    actor TEXT NOT NULL,
    via TEXT NOT NULL,
    address TEXT,
    request_id TEXT NOT NULL,
    -- The account or organisation whose matter it is: its owners may read the entry.
    owner_id BIGINT,
    repository_id BIGINT,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit__owner_id__id ON audit (owner_id, id);
CREATE INDEX audit__repository_id__id ON audit (repository_id, id);
{append_only:audit}

-- The agent that a token was made for; none: a person's or a program's.
ALTER TABLE tokens ADD COLUMN agent TEXT;
