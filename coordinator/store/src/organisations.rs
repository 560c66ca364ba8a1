//! Organisations, how they lie in each other, and who belongs to them: `organisations`,
//! `organisation_members`. Each is a row of `accounts` too, which has its name.

use crate::{AnyRow, Conn, Engine, FromRow, Row, StoreError, Tx, query, query_built, roles};
use plue_contract::{AccountId, AccountName};

/// One organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganisationRow {
    /// Its id, among those of accounts.
    pub id: AccountId,
    /// Its other id.
    pub uuid: String,
    /// Its name, as it was chosen.
    pub name: String,
    /// What people call it; may be empty.
    pub display_name: String,
    /// What it says of itself; may be empty.
    pub description: String,
    /// Its address for mail.
    pub email: Option<String>,
    /// Where its picture is.
    pub avatar_url: Option<String>,
    /// Where more about it stands; may be empty.
    pub website: String,
    /// Where it is; may be empty.
    pub location: String,
    /// The organisation in which it lies.
    pub parent_id: Option<i64>,
    /// That one's name.
    pub parent: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was last changed.
    pub updated_at_ms: i64,
}

impl FromRow<'_, AnyRow> for OrganisationRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: AccountId(row.try_get("id")?),
            uuid: row.try_get("uuid")?,
            name: row.try_get("name")?,
            display_name: row.try_get("display_name")?,
            description: row.try_get("bio")?,
            email: row.try_get("email")?,
            avatar_url: row.try_get("avatar_url")?,
            website: row.try_get("website")?,
            location: row.try_get("location")?,
            parent_id: row.try_get("parent_id")?,
            parent: row.try_get("parent")?,
            created_at_ms: row.try_get("created_at_ms")?,
            updated_at_ms: row.try_get("updated_at_ms")?,
        })
    }
}

/// An organisation and what the account that asked is to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingRow {
    /// The organisation.
    pub organisation: OrganisationRow,
    /// The rank of the account's highest membership, here or in an organisation above.
    pub rank: Option<i64>,
}

impl FromRow<'_, AnyRow> for StandingRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            organisation: OrganisationRow::from_row(row)?,
            rank: row.try_get("rank")?,
        })
    }
}

const COLUMNS: &str = "a.id, a.uuid, a.name, a.display_name, a.bio, a.email, a.avatar_url, o.website, \
     o.location, o.parent_id, p.name AS parent, a.created_at_ms, a.updated_at_ms";
const FROM: &str = "FROM organisations o JOIN accounts a ON a.id = o.account_id \
     LEFT JOIN accounts p ON p.id = o.parent_id";

async fn standing(
    conn: &mut Conn,
    name: &'static str,
    condition: &str,
    account: Option<AccountId>,
    bind: impl FnOnce(crate::Query) -> crate::Query,
) -> Result<Option<StandingRow>, StoreError> {
    let statement = query_built(
        name,
        format!(
            "WITH RECURSIVE asked (account) AS (SELECT CAST($1 AS BIGINT)), \
             named (owner_id) AS (SELECT g.account_id FROM organisations g JOIN accounts n ON n.id = g.account_id \
             WHERE {condition}), {}, \
             standing (rank) AS (SELECT CAST(MAX({}) AS BIGINT) FROM asked \
             JOIN organisation_members m ON m.account_id = asked.account JOIN above ON above.id = m.organisation_id) \
             SELECT {COLUMNS}, standing.rank {FROM} JOIN named ON named.owner_id = o.account_id CROSS JOIN standing",
            roles::ABOVE,
            roles::rank("m.role"),
        ),
    )
    .bind(account.map(|account| account.0));
    bind(statement).optional(conn).await
}

/// The organisation of this name, with the rank of `account` in it.
pub async fn find(
    conn: &mut Conn,
    name: &AccountName,
    account: Option<AccountId>,
) -> Result<Option<StandingRow>, StoreError> {
    let key = name.key();
    standing(conn, "organisations.find", "n.name_key = $2", account, |query| {
        query.bind(key)
    })
    .await
}

/// The organisation of this number, with the rank of `account` in it.
pub async fn by_id(
    conn: &mut Conn,
    id: AccountId,
    account: Option<AccountId>,
) -> Result<Option<StandingRow>, StoreError> {
    standing(conn, "organisations.by_id", "n.id = $2", account, |query| {
        query.bind(id.0)
    })
    .await
}

/// Makes an organisation of an account of that kind, which is there already.
pub async fn insert(tx: &mut Tx<'_>, row: &OrganisationRow) -> Result<(), StoreError> {
    query(
        "organisations.insert",
        "INSERT INTO organisations (account_id, parent_id, website, location) VALUES ($1, $2, $3, $4)",
    )
    .bind(row.id.0)
    .bind(row.parent_id)
    .bind(row.website.as_str())
    .bind(row.location.as_str())
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes what an organisation says of itself and where it lies. An address that is taken is
/// [`StoreError::Unique`] (`accounts__email_key`).
pub async fn update(tx: &mut Tx<'_>, row: &OrganisationRow, now_ms: i64) -> Result<(), StoreError> {
    query(
        "organisations.update_account",
        "UPDATE accounts SET display_name = $1, bio = $2, email = $3, email_key = $4, avatar_url = $5, \
         updated_at_ms = $6 WHERE id = $7",
    )
    .bind(row.display_name.as_str())
    .bind(row.description.as_str())
    .bind(row.email.as_deref())
    .bind(row.email.as_deref().map(str::to_lowercase))
    .bind(row.avatar_url.as_deref())
    .bind(now_ms)
    .bind(row.id.0)
    .execute(tx)
    .await?;
    query(
        "organisations.update",
        "UPDATE organisations SET parent_id = $1, website = $2, location = $3 WHERE account_id = $4",
    )
    .bind(row.parent_id)
    .bind(row.website.as_str())
    .bind(row.location.as_str())
    .bind(row.id.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// Removes an organisation that has no repository, deleted ones among them, and nothing that lies
/// in it.
pub async fn delete(tx: &mut Tx<'_>, id: AccountId) -> Result<(), StoreError> {
    for (name, sql) in [
        (
            "organisations.delete_redirects",
            "DELETE FROM redirects WHERE owner_id = $1",
        ),
        (
            "organisations.delete_teams",
            "DELETE FROM teams WHERE organisation_id = $1",
        ),
        (
            "organisations.delete_members",
            "DELETE FROM organisation_members WHERE organisation_id = $1",
        ),
        (
            "organisations.delete",
            "DELETE FROM organisations WHERE account_id = $1",
        ),
        (
            "organisations.delete_account",
            "DELETE FROM accounts WHERE id = $1",
        ),
    ] {
        query(name, sql).bind(id.0).execute(tx).await?;
    }
    Ok(())
}

/// How many repositories it has, those among them that can still be restored, and how many
/// organisations lie directly in it.
pub async fn count_within(conn: &mut Conn, id: AccountId) -> Result<(i64, i64), StoreError> {
    query(
        "organisations.count_within",
        "SELECT (SELECT COUNT(*) FROM repositories WHERE owner_id = $1), \
         (SELECT COUNT(*) FROM organisations WHERE parent_id = $2)",
    )
    .bind(id.0)
    .bind(id.0)
    .one(conn)
    .await
}

/// Keeps others from moving organisations and from changing who owns them until the transaction
/// ends, for rules that look at several. On SQLite that is so in every transaction.
pub async fn lock_all(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    if tx.engine() == Engine::Postgres {
        query(
            "organisations.lock_all",
            "LOCK TABLE organisations IN SHARE ROW EXCLUSIVE MODE",
        )
        .execute(tx)
        .await?;
    }
    Ok(())
}

/// Whether `inner` is `outer` or lies in it, however deep.
pub async fn lies_in(conn: &mut Conn, inner: AccountId, outer: AccountId) -> Result<bool, StoreError> {
    let found = query_built(
        "organisations.lies_in",
        format!(
            "WITH RECURSIVE named (owner_id) AS (SELECT CAST($1 AS BIGINT)), {} \
             SELECT id FROM above WHERE id = $2",
            roles::ABOVE
        ),
    )
    .bind(inner.0)
    .bind(outer.0)
    .optional::<(i64,)>(conn)
    .await?;
    Ok(found.is_some())
}

/// All organisations by name, or those that lie directly in one; `offset` of them are passed over.
pub async fn list(
    conn: &mut Conn,
    parent: Option<AccountId>,
    limit: i64,
    offset: i64,
) -> Result<(Vec<OrganisationRow>, i64), StoreError> {
    let of = "WHERE (CAST($1 AS BIGINT) IS NULL OR o.parent_id = $2)";
    let parent = parent.map(|parent| parent.0);
    let rows = query_built(
        "organisations.list",
        format!("SELECT {COLUMNS} {FROM} {of} ORDER BY a.name_key LIMIT $3 OFFSET $4"),
    )
    .bind(parent)
    .bind(parent)
    .bind(limit)
    .bind(offset)
    .all(conn)
    .await?;
    let (total,) = query_built(
        "organisations.count",
        format!("SELECT COUNT(*) FROM organisations o {of}"),
    )
    .bind(parent)
    .bind(parent)
    .one(conn)
    .await?;
    Ok((rows, total))
}

/// The organisations to which an account itself belongs, by name, with its role.
pub async fn of_account(
    conn: &mut Conn,
    account: AccountId,
) -> Result<Vec<(OrganisationRow, String)>, StoreError> {
    struct Of(OrganisationRow, String);
    impl FromRow<'_, AnyRow> for Of {
        fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
            Ok(Self(OrganisationRow::from_row(row)?, row.try_get("role")?))
        }
    }
    let rows: Vec<Of> = query_built(
        "organisations.of_account",
        format!(
            "SELECT {COLUMNS}, m.role {FROM} JOIN organisation_members m ON m.organisation_id = o.account_id \
             WHERE m.account_id = $1 ORDER BY a.name_key"
        ),
    )
    .bind(account.0)
    .all(conn)
    .await?;
    Ok(rows.into_iter().map(|Of(row, role)| (row, role)).collect())
}

/// One account in an organisation: account, its name, what people call it, role, since when.
pub type MemberRow = (i64, String, String, String, i64);

/// Who belongs to an organisation itself, by name; `offset` of them are passed over.
pub async fn members(
    conn: &mut Conn,
    id: AccountId,
    limit: i64,
    offset: i64,
) -> Result<(Vec<MemberRow>, i64), StoreError> {
    let rows = query(
        "organisation_members.list",
        "SELECT m.account_id, a.name, a.display_name, m.role, m.created_at_ms FROM organisation_members m \
         JOIN accounts a ON a.id = m.account_id WHERE m.organisation_id = $1 ORDER BY a.name_key LIMIT $2 OFFSET $3",
    )
    .bind(id.0)
    .bind(limit)
    .bind(offset)
    .all(conn)
    .await?;
    let (total,) = query(
        "organisation_members.count",
        "SELECT COUNT(*) FROM organisation_members WHERE organisation_id = $1",
    )
    .bind(id.0)
    .one(conn)
    .await?;
    Ok((rows, total))
}

/// The role of an account in an organisation itself, if it has one.
pub async fn member(
    conn: &mut Conn,
    id: AccountId,
    account: AccountId,
) -> Result<Option<String>, StoreError> {
    let row = query(
        "organisation_members.role",
        "SELECT role FROM organisation_members WHERE organisation_id = $1 AND account_id = $2",
    )
    .bind(id.0)
    .bind(account.0)
    .optional::<(String,)>(conn)
    .await?;
    Ok(row.map(|(role,)| role))
}

/// Gives an account a role, in place of one that it has.
pub async fn put_member(
    tx: &mut Tx<'_>,
    id: AccountId,
    account: AccountId,
    role: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    query(
        "organisation_members.put",
        "INSERT INTO organisation_members (organisation_id, account_id, role, created_at_ms) \
         VALUES ($1, $2, $3, $4) ON CONFLICT (organisation_id, account_id) DO UPDATE SET role = excluded.role",
    )
    .bind(id.0)
    .bind(account.0)
    .bind(role)
    .bind(now_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes an account out of an organisation, and with it out of its teams.
pub async fn remove_member(tx: &mut Tx<'_>, id: AccountId, account: AccountId) -> Result<(), StoreError> {
    query(
        "organisation_members.remove",
        "DELETE FROM organisation_members WHERE organisation_id = $1 AND account_id = $2",
    )
    .bind(id.0)
    .bind(account.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// How many accounts own an organisation itself.
pub async fn count_owners(conn: &mut Conn, id: AccountId) -> Result<i64, StoreError> {
    let (count,) = query(
        "organisation_members.count_owners",
        "SELECT COUNT(*) FROM organisation_members m JOIN accounts a ON a.id = m.account_id \
         WHERE m.organisation_id = $1 AND m.role = 'owner' AND a.is_disabled = 0",
    )
    .bind(id.0)
    .one(conn)
    .await?;
    Ok(count)
}

/// Who has a role in a repository of the organisation by its list of collaborators and does not
/// belong to the organisation or one above: account, its name, the repository, role, since when.
pub async fn outsiders(
    conn: &mut Conn,
    id: AccountId,
) -> Result<Vec<(i64, String, String, String, i64)>, StoreError> {
    query_built(
        "organisations.outsiders",
        format!(
            "WITH RECURSIVE named (owner_id) AS (SELECT CAST($1 AS BIGINT)), {} \
             SELECT c.account_id, a.name, r.name, c.role, c.created_at_ms FROM repositories r \
             JOIN collaborators c ON c.repository_id = r.id JOIN accounts a ON a.id = c.account_id \
             WHERE r.owner_id = $2 AND r.deleted_at_ms IS NULL AND NOT EXISTS (SELECT 1 FROM organisation_members m \
             JOIN above ON above.id = m.organisation_id WHERE m.account_id = c.account_id) \
             ORDER BY a.name_key, r.name_key",
            roles::ABOVE
        ),
    )
    .bind(id.0)
    .bind(id.0)
    .all(conn)
    .await
}
