//! Teams of organisations, who is in them and what they may: `teams`, `team_members`,
//! `team_repositories`.

use crate::{Conn, StoreError, Tx, query};
use plue_contract::{AccountId, RepoId, TeamId};

/// One team: id, organisation, name, description, role, since when.
pub type TeamRow = (i64, i64, String, String, String, i64);

/// The teams of an organisation, by name.
pub async fn list(conn: &mut Conn, organisation: AccountId) -> Result<Vec<TeamRow>, StoreError> {
    query(
        "teams.list",
        "SELECT id, organisation_id, name, description, role, created_at_ms FROM teams \
         WHERE organisation_id = $1 ORDER BY name_key",
    )
    .bind(organisation.0)
    .all(conn)
    .await
}

/// The team of this name in an organisation.
pub async fn find(
    conn: &mut Conn,
    organisation: AccountId,
    name_key: &str,
) -> Result<Option<TeamRow>, StoreError> {
    query(
        "teams.find",
        "SELECT id, organisation_id, name, description, role, created_at_ms FROM teams \
         WHERE organisation_id = $1 AND name_key = $2",
    )
    .bind(organisation.0)
    .bind(name_key)
    .optional(conn)
    .await
}

/// Makes a team; `Unique { teams__organisation_id__name_key }` where there is one of that name.
pub async fn insert(
    tx: &mut Tx<'_>,
    organisation: AccountId,
    name: (&str, &str),
    description: &str,
    role: &str,
    now_ms: i64,
) -> Result<TeamId, StoreError> {
    let (id,) = query(
        "teams.insert",
        "INSERT INTO teams (organisation_id, name, name_key, description, role, created_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
    )
    .bind(organisation.0)
    .bind(name.0)
    .bind(name.1)
    .bind(description)
    .bind(role)
    .bind(now_ms)
    .one(tx)
    .await?;
    Ok(TeamId(id))
}

/// Writes a team's name, description and role; `Unique { teams__organisation_id__name_key }` where
/// another one has that name.
pub async fn update(
    tx: &mut Tx<'_>,
    id: TeamId,
    name: (&str, &str),
    description: &str,
    role: &str,
) -> Result<(), StoreError> {
    query(
        "teams.update",
        "UPDATE teams SET name = $1, name_key = $2, description = $3, role = $4 WHERE id = $5",
    )
    .bind(name.0)
    .bind(name.1)
    .bind(description)
    .bind(role)
    .bind(id.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// Removes a team, and with it what it gave to its members.
pub async fn delete(tx: &mut Tx<'_>, id: TeamId) -> Result<(), StoreError> {
    query("teams.delete", "DELETE FROM teams WHERE id = $1")
        .bind(id.0)
        .execute(tx)
        .await?;
    Ok(())
}

/// Who is in a team, by name: account, its name, since when.
pub async fn members(conn: &mut Conn, id: TeamId) -> Result<Vec<(i64, String, i64)>, StoreError> {
    query(
        "team_members.list",
        "SELECT m.account_id, a.name, m.created_at_ms FROM team_members m JOIN accounts a ON a.id = m.account_id \
         WHERE m.team_id = $1 ORDER BY a.name_key",
    )
    .bind(id.0)
    .all(conn)
    .await
}

/// Takes an account that belongs to the organisation into a team of it.
pub async fn put_member(
    tx: &mut Tx<'_>,
    id: TeamId,
    organisation: AccountId,
    account: AccountId,
    now_ms: i64,
) -> Result<(), StoreError> {
    query(
        "team_members.put",
        "INSERT INTO team_members (team_id, organisation_id, account_id, created_at_ms) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (team_id, account_id) DO NOTHING",
    )
    .bind(id.0)
    .bind(organisation.0)
    .bind(account.0)
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes an account out of a team; whether it was in it.
pub async fn remove_member(tx: &mut Tx<'_>, id: TeamId, account: AccountId) -> Result<bool, StoreError> {
    let removed = query(
        "team_members.remove",
        "DELETE FROM team_members WHERE team_id = $1 AND account_id = $2",
    )
    .bind(id.0)
    .bind(account.0)
    .execute(tx)
    .await?;
    Ok(removed == 1)
}

/// The repositories that a team was let into: repository, its name, role, since when.
pub async fn repositories(
    conn: &mut Conn,
    id: TeamId,
) -> Result<Vec<(i64, String, String, i64)>, StoreError> {
    query(
        "team_repositories.list",
        "SELECT g.repository_id, r.name, g.role, g.created_at_ms FROM team_repositories g \
         JOIN repositories r ON r.id = g.repository_id WHERE g.team_id = $1 AND r.deleted_at_ms IS NULL \
         ORDER BY r.name_key",
    )
    .bind(id.0)
    .all(conn)
    .await
}

/// Lets a team into a repository of its organisation, or changes what it may there.
pub async fn put_repository(
    tx: &mut Tx<'_>,
    id: TeamId,
    repository: RepoId,
    role: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    query(
        "team_repositories.put",
        "INSERT INTO team_repositories (team_id, repository_id, role, created_at_ms) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (team_id, repository_id) DO UPDATE SET role = excluded.role",
    )
    .bind(id.0)
    .bind(repository.0)
    .bind(role)
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// Shuts a team out of a repository; whether it was let in.
pub async fn remove_repository(tx: &mut Tx<'_>, id: TeamId, repository: RepoId) -> Result<bool, StoreError> {
    let removed = query(
        "team_repositories.remove",
        "DELETE FROM team_repositories WHERE team_id = $1 AND repository_id = $2",
    )
    .bind(id.0)
    .bind(repository.0)
    .execute(tx)
    .await?;
    Ok(removed == 1)
}

/// Shuts every team out of a repository, which leaves their organisation.
pub async fn forget_repository(tx: &mut Tx<'_>, repository: RepoId) -> Result<(), StoreError> {
    query(
        "team_repositories.forget",
        "DELETE FROM team_repositories WHERE repository_id = $1",
    )
    .bind(repository.0)
    .execute(tx)
    .await?;
    Ok(())
}
