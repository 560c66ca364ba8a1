//! Accounts and the links that sign one in once: `accounts`, `signin_links`.

use crate::{AnyRow, Conn, Engine, FromRow, Row, StoreError, Tx, query, query_built};
use plue_contract::{AccountId, AccountName, Via};

/// A row of `accounts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// Its id.
    pub id: AccountId,
    /// Its id for those who want a UUID.
    pub uuid: String,
    /// Its name, as it was chosen.
    pub name: AccountName,
    /// Whether it is an organisation, to which nobody signs in.
    pub is_organisation: bool,
    /// What people call it; may be empty.
    pub display_name: String,
    /// What it says of itself; may be empty.
    pub bio: String,
    /// Its address for mail.
    pub email: Option<String>,
    /// When it was last seen that its owner reads what is sent there.
    pub email_verified_at_ms: Option<i64>,
    /// Where its picture is.
    pub avatar_url: Option<String>,
    /// Its Ethereum address, in lower case.
    pub wallet_address: Option<String>,
    /// The PHC string of its password; none where it has no password.
    pub password_hash: Option<String>,
    /// Whether it administers the site.
    pub is_admin: bool,
    /// Whether it may not sign in.
    pub is_disabled: bool,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it was last changed.
    pub updated_at_ms: i64,
    /// When it last opened a session.
    pub last_login_at_ms: Option<i64>,
}

impl<'r> FromRow<'r, AnyRow> for AccountRow {
    fn from_row(row: &'r AnyRow) -> Result<Self, sqlx::Error> {
        let name: String = row.try_get("name")?;
        Ok(Self {
            id: AccountId(row.try_get("id")?),
            uuid: row.try_get("uuid")?,
            name: name
                .parse()
                .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            is_organisation: row.try_get::<String, _>("kind")? == "organisation",
            display_name: row.try_get("display_name")?,
            bio: row.try_get("bio")?,
            email: row.try_get("email")?,
            email_verified_at_ms: row.try_get("email_verified_at_ms")?,
            avatar_url: row.try_get("avatar_url")?,
            wallet_address: row.try_get("wallet_address")?,
            password_hash: row.try_get("password_hash")?,
            is_admin: row.try_get::<i64, _>("is_admin")? != 0,
            is_disabled: row.try_get::<i64, _>("is_disabled")? != 0,
            created_at_ms: row.try_get("created_at_ms")?,
            updated_at_ms: row.try_get("updated_at_ms")?,
            last_login_at_ms: row.try_get("last_login_at_ms")?,
        })
    }
}

/// Selects whole accounts, as `a`.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT a.id, a.uuid, a.name, a.kind, a.display_name, a.bio, a.email, a.email_verified_at_ms, ",
            "a.avatar_url, a.wallet_address, ",
            "a.password_hash, a.is_admin, a.is_disabled, a.created_at_ms, a.updated_at_ms, a.last_login_at_ms ",
            "FROM accounts a ",
            $rest
        )
    };
}

/// What a new account begins with.
#[derive(Clone, Debug)]
pub struct NewAccountRow<'a> {
    /// A fresh UUID.
    pub uuid: &'a str,
    /// Its name.
    pub name: &'a AccountName,
    /// Whether it is an organisation.
    pub is_organisation: bool,
    /// What people call it.
    pub display_name: &'a str,
    /// Its address for mail.
    pub email: Option<&'a str>,
    /// The PHC string of its password.
    pub password_hash: Option<&'a str>,
    /// Whether it administers the site.
    pub is_admin: bool,
    /// Now, in milliseconds since 1970.
    pub now_ms: i64,
}

/// Adds an account. A name or an address that is taken is [`StoreError::Unique`]
/// (`accounts__name_key`, `accounts__email_key`).
pub async fn insert(tx: &mut Tx<'_>, new: &NewAccountRow<'_>) -> Result<AccountId, StoreError> {
    let (id,) = query(
        "accounts.insert",
        "INSERT INTO accounts (uuid, name, name_key, kind, display_name, bio, email, email_key, password_hash, \
         is_admin, is_disabled, created_at_ms, updated_at_ms) \
         VALUES ($1, $2, $3, $4, $5, '', $6, $7, $8, $9, 0, $10, $11) RETURNING id",
    )
    .bind(new.uuid)
    .bind(new.name.as_str())
    .bind(new.name.key())
    .bind(if new.is_organisation { "organisation" } else { "person" })
    .bind(new.display_name)
    .bind(new.email)
    .bind(new.email.map(str::to_lowercase))
    .bind(new.password_hash)
    .bind(i64::from(new.is_admin))
    .bind(new.now_ms)
    .bind(new.now_ms)
    .one(tx)
    .await?;
    Ok(AccountId(id))
}

/// The account with this id.
pub async fn by_id(conn: &mut Conn, id: AccountId) -> Result<Option<AccountRow>, StoreError> {
    query("accounts.by_id", select!("WHERE a.id = $1"))
        .bind(id.0)
        .optional(conn)
        .await
}

/// The person with this name, in whatever letter case.
pub async fn by_name(conn: &mut Conn, name: &AccountName) -> Result<Option<AccountRow>, StoreError> {
    let found = owner_by_name(conn, name).await?;
    Ok(found.filter(|row| !row.is_organisation))
}

/// The person or organisation with this name, in whatever letter case.
pub async fn owner_by_name(conn: &mut Conn, name: &AccountName) -> Result<Option<AccountRow>, StoreError> {
    query("accounts.by_name", select!("WHERE a.name_key = $1"))
        .bind(name.key())
        .optional(conn)
        .await
}

/// The person with this address for mail, in whatever letter case.
pub async fn by_email(conn: &mut Conn, email: &str) -> Result<Option<AccountRow>, StoreError> {
    query(
        "accounts.by_email",
        select!("WHERE a.email_key = $1 AND a.kind = 'person'"),
    )
    .bind(email.to_lowercase())
    .optional(conn)
    .await
}

/// The account with this id, kept from being changed by others until the transaction ends.
pub async fn lock(tx: &mut Tx<'_>, id: AccountId) -> Result<Option<AccountRow>, StoreError> {
    let sql = tx
        .engine()
        .pick(select!("WHERE a.id = $1"), select!("WHERE a.id = $1 FOR UPDATE"));
    query("accounts.lock", sql).bind(id.0).optional(tx).await
}

/// The account behind a credential that was recognised before, if both still live: the account
/// is not disabled, and the session, token or key is there and has not expired.
pub async fn behind(
    conn: &mut Conn,
    id: AccountId,
    via: &Via,
    now_ms: i64,
) -> Result<Option<AccountRow>, StoreError> {
    let statement = match via {
        Via::Session(session) | Via::Jwt(session) => query(
            "accounts.behind_session",
            select!(
                "JOIN sessions s ON s.account_id = a.id \
                 WHERE a.id = $1 AND a.is_disabled = 0 AND s.id = $2 AND s.expires_at_ms > $3"
            ),
        )
        .bind(id.0)
        .bind(session.0.as_str())
        .bind(now_ms),
        Via::Token(token) => query(
            "accounts.behind_token",
            select!(
                "JOIN tokens t ON t.account_id = a.id WHERE a.id = $1 AND a.is_disabled = 0 AND t.id = $2 \
                 AND (t.expires_at_ms IS NULL OR t.expires_at_ms > $3)"
            ),
        )
        .bind(id.0)
        .bind(token.0)
        .bind(now_ms),
        Via::SshKey(key) => query(
            "accounts.behind_ssh_key",
            select!(
                "JOIN ssh_keys k ON k.account_id = a.id WHERE a.id = $1 AND a.is_disabled = 0 AND k.id = $2"
            ),
        )
        .bind(id.0)
        .bind(key.0),
        Via::Password => query(
            "accounts.behind_password",
            select!(
                "WHERE a.id = $1 AND a.is_disabled = 0 AND a.password_hash IS NOT NULL AND NOT EXISTS \
                 (SELECT 1 FROM second_factors f WHERE f.account_id = a.id AND f.confirmed_at_ms IS NOT NULL)"
            ),
        )
        .bind(id.0),
    };
    statement.optional(conn).await
}

/// Accounts that are not disabled, by name; `offset` of them are passed over.
pub async fn list(conn: &mut Conn, limit: i64, offset: i64) -> Result<Vec<AccountRow>, StoreError> {
    query(
        "accounts.list",
        select!("WHERE a.is_disabled = 0 AND a.kind = 'person' ORDER BY a.name_key LIMIT $1 OFFSET $2"),
    )
    .bind(limit)
    .bind(offset)
    .all(conn)
    .await
}

/// Every account, the disabled ones too, by name; `offset` of them are passed over.
pub async fn list_all(conn: &mut Conn, limit: i64, offset: i64) -> Result<Vec<AccountRow>, StoreError> {
    query(
        "accounts.list_all",
        select!("WHERE a.kind = 'person' ORDER BY a.name_key LIMIT $1 OFFSET $2"),
    )
    .bind(limit)
    .bind(offset)
    .all(conn)
    .await
}

/// How many accounts are not disabled.
pub async fn count(conn: &mut Conn) -> Result<i64, StoreError> {
    let (count,) = query(
        "accounts.count",
        "SELECT COUNT(*) FROM accounts WHERE is_disabled = 0 AND kind = 'person'",
    )
    .one(conn)
    .await?;
    Ok(count)
}

/// Keeps others from adding or changing accounts until the transaction ends, for a rule that
/// looks at all of them. On SQLite that is so in every transaction.
pub async fn lock_all(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    if tx.engine() == Engine::Postgres {
        query(
            "accounts.lock_all",
            "LOCK TABLE accounts IN SHARE ROW EXCLUSIVE MODE",
        )
        .execute(tx)
        .await?;
    }
    Ok(())
}

/// Whether there is any account at all.
pub async fn any(conn: &mut Conn) -> Result<bool, StoreError> {
    let found: Option<(i64,)> = query("accounts.any", "SELECT id FROM accounts LIMIT 1")
        .optional(conn)
        .await?;
    Ok(found.is_some())
}

/// How many administrators are not disabled.
pub async fn count_admins(conn: &mut Conn) -> Result<i64, StoreError> {
    let (count,) = query(
        "accounts.count_admins",
        "SELECT COUNT(*) FROM accounts WHERE is_admin = 1 AND is_disabled = 0",
    )
    .one(conn)
    .await?;
    Ok(count)
}

/// Accounts that are not disabled and have `text` in their name or display name, those first
/// whose name begins with it.
pub async fn search(conn: &mut Conn, text: &str, limit: i64) -> Result<Vec<AccountRow>, StoreError> {
    let literal = text
        .to_lowercase()
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    query(
        "accounts.search",
        select!(
            "WHERE a.is_disabled = 0 AND a.kind = 'person' AND (a.name_key LIKE $1 ESCAPE '\\' OR LOWER(a.display_name) LIKE $2 ESCAPE '\\') \
             ORDER BY CASE WHEN a.name_key LIKE $3 ESCAPE '\\' THEN 0 ELSE 1 END, a.name_key LIMIT $4"
        ),
    )
    .bind(format!("%{literal}%"))
    .bind(format!("%{literal}%"))
    .bind(format!("{literal}%"))
    .bind(limit)
    .all(conn)
    .await
}

/// How many public repositories each of these accounts has; those that have none are left out.
pub async fn count_public_repositories(
    conn: &mut Conn,
    owners: &[AccountId],
) -> Result<Vec<(AccountId, i64)>, StoreError> {
    if owners.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<_> = (1..=owners.len()).map(|n| format!("${n}")).collect();
    let mut statement = query_built(
        "accounts.count_public_repositories",
        format!(
            "SELECT owner_id, COUNT(*) FROM repositories WHERE visibility = 'public' AND deleted_at_ms IS NULL \
             AND owner_id IN ({}) GROUP BY owner_id",
            places.join(", ")
        ),
    );
    for owner in owners {
        statement = statement.bind(owner.0);
    }
    let rows: Vec<(i64, i64)> = statement.all(conn).await?;
    Ok(rows
        .into_iter()
        .map(|(owner, count)| (AccountId(owner), count))
        .collect())
}

/// Writes what a person may change of an account. An address that is taken is
/// [`StoreError::Unique`] (`accounts__email_key`).
pub async fn update_profile(tx: &mut Tx<'_>, row: &AccountRow, now_ms: i64) -> Result<(), StoreError> {
    query(
        "accounts.update_profile",
        "UPDATE accounts SET display_name = $1, bio = $2, email = $3, email_key = $4, email_verified_at_ms = $5, \
         avatar_url = $6, updated_at_ms = $7 WHERE id = $8",
    )
    .bind(row.display_name.as_str())
    .bind(row.bio.as_str())
    .bind(row.email.as_deref())
    .bind(row.email.as_deref().map(str::to_lowercase))
    .bind(row.email_verified_at_ms)
    .bind(row.avatar_url.as_deref())
    .bind(now_ms)
    .bind(row.id.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// Sets both flags of an account.
pub async fn set_flags(
    tx: &mut Tx<'_>,
    id: AccountId,
    is_admin: bool,
    is_disabled: bool,
    now_ms: i64,
) -> Result<(), StoreError> {
    query(
        "accounts.set_flags",
        "UPDATE accounts SET is_admin = $1, is_disabled = $2, updated_at_ms = $3 WHERE id = $4",
    )
    .bind(i64::from(is_admin))
    .bind(i64::from(is_disabled))
    .bind(now_ms)
    .bind(id.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes that the owner of an account reads what is sent to its address.
pub async fn set_email_verified(tx: &mut Tx<'_>, id: AccountId, now_ms: i64) -> Result<(), StoreError> {
    query(
        "accounts.set_email_verified",
        "UPDATE accounts SET email_verified_at_ms = $1, updated_at_ms = $2 WHERE id = $3",
    )
    .bind(now_ms)
    .bind(now_ms)
    .bind(id.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// Sets the PHC string of an account's password.
pub async fn set_password(tx: &mut Tx<'_>, id: AccountId, hash: &str, now_ms: i64) -> Result<(), StoreError> {
    query(
        "accounts.set_password",
        "UPDATE accounts SET password_hash = $1, updated_at_ms = $2 WHERE id = $3",
    )
    .bind(hash)
    .bind(now_ms)
    .bind(id.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes that an account opened a session.
pub async fn set_last_login(tx: &mut Tx<'_>, id: AccountId, now_ms: i64) -> Result<(), StoreError> {
    query(
        "accounts.set_last_login",
        "UPDATE accounts SET last_login_at_ms = $1 WHERE id = $2",
    )
    .bind(now_ms)
    .bind(id.0)
    .execute(tx)
    .await?;
    Ok(())
}

/// Removes an account's links that were not used.
pub async fn delete_open_links(tx: &mut Tx<'_>, id: AccountId) -> Result<u64, StoreError> {
    query(
        "signin_links.delete_open",
        "DELETE FROM signin_links WHERE account_id = $1 AND used_at_ms IS NULL",
    )
    .bind(id.0)
    .execute(tx)
    .await
}

/// Removes every link that has expired.
pub async fn delete_expired_links(tx: &mut Tx<'_>, now_ms: i64) -> Result<u64, StoreError> {
    query(
        "signin_links.delete_expired",
        "DELETE FROM signin_links WHERE expires_at_ms <= $1",
    )
    .bind(now_ms)
    .execute(tx)
    .await
}

/// Adds a link, known by the hash of its token.
pub async fn insert_link(
    tx: &mut Tx<'_>,
    id: AccountId,
    token_hash: &[u8; 32],
    now_ms: i64,
    expires_at_ms: i64,
) -> Result<(), StoreError> {
    query(
        "signin_links.insert",
        "INSERT INTO signin_links (account_id, token_hash, created_at_ms, expires_at_ms) VALUES ($1, $2, $3, $4)",
    )
    .bind(id.0)
    .bind(&token_hash[..])
    .bind(now_ms)
    .bind(expires_at_ms)
    .execute(tx)
    .await?;
    Ok(())
}

/// Uses a link up and answers whose it is; none where it is unknown, used or expired. Of two
/// who try at once, one gets the account.
pub async fn use_link(
    tx: &mut Tx<'_>,
    token_hash: &[u8; 32],
    now_ms: i64,
) -> Result<Option<AccountId>, StoreError> {
    let used: Option<(i64,)> = query(
        "signin_links.use",
        "UPDATE signin_links SET used_at_ms = $1 \
         WHERE token_hash = $2 AND used_at_ms IS NULL AND expires_at_ms > $3 RETURNING account_id",
    )
    .bind(now_ms)
    .bind(&token_hash[..])
    .bind(now_ms)
    .optional(tx)
    .await?;
    Ok(used.map(|(id,)| AccountId(id)))
}
