//! Each statement of each verb is made to fail in turn, and nothing is found half done.

use super::*;
use plue_contract::RepoId;
use plue_contract::credentials::SessionCookie;
use plue_forge::accounts::{self, ProfileChange};
use plue_forge::sessions::{self, SignIn};
use plue_forge::ssh_keys::{self, NewSshKey};
use plue_forge::tokens::{self, NewToken};
use plue_store::{AnyRow, FromRow, Row, StoreError, query_built};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti k";
const TABLES: [&str; 45] = [
    "oauth_apps",
    "oauth_authorizations",
    "oauth_grants",
    "oauth_refresh_tokens",
    "identities",
    "wallets",
    "wallet_nonces",
    "second_factors",
    "recovery_codes",
    "accounts",
    "mail_links",
    "signin_links",
    "sessions",
    "tokens",
    "token_repositories",
    "ssh_key_fingerprints",
    "ssh_keys",
    "organisations",
    "organisation_members",
    "teams",
    "team_members",
    "team_repositories",
    "repositories",
    "stars",
    "watches",
    "topics",
    "labels",
    "milestones",
    "issues",
    "issue_labels",
    "issue_assignees",
    "issue_comments",
    "issue_reactions",
    "issue_pins",
    "issue_relations",
    "issue_events",
    "issue_subscriptions",
    "issue_references",
    "notifications",
    "notices",
    "notification_settings",
    "events",
    "hooks",
    "hook_deliveries",
    "audit",
];

/// A row of any table.
#[derive(Debug, PartialEq, PartialOrd, Eq, Ord)]
struct Cells(Vec<String>);

impl<'r> FromRow<'r, AnyRow> for Cells {
    fn from_row(row: &'r AnyRow) -> Result<Self, plue_store::RowError> {
        let cell = |i: usize| -> Result<String, plue_store::RowError> {
            if let Ok(number) = row.try_get::<Option<i64>, _>(i) {
                return Ok(format!("{number:?}"));
            }
            if let Ok(text) = row.try_get::<Option<String>, _>(i) {
                return Ok(format!("{text:?}"));
            }
            Ok(format!("{:?}", row.try_get::<Option<Vec<u8>>, _>(i)?))
        };
        (0..row.len()).map(cell).collect::<Result<_, _>>().map(Self)
    }
}

async fn everything(house: &House) -> Vec<Vec<Cells>> {
    let mut conn = house.store.read().await.expect("a reader");
    let mut all = Vec::new();
    for table in TABLES {
        let mut rows: Vec<Cells> = query_built("test.dump", format!("SELECT * FROM {table}"))
            .all(&mut conn)
            .await
            .expect("every row");
        rows.sort();
        all.push(rows);
    }
    all
}

/// Runs a verb with its first statement made to fail, then its second, and so on, until it runs
/// through. `prepare` makes what the verb consumes; no fault is set meanwhile.
pub(super) async fn fail_each_statement<P>(
    house: &House,
    verb: &str,
    prepare: impl AsyncFn() -> P,
    run: impl AsyncFn(P) -> Result<(), Error>,
) {
    for n in 1.. {
        let prepared = prepare().await;
        let before = everything(house).await;
        house.store.faults().fail_nth(n);
        let outcome = run(prepared).await;
        let fired = house.store.faults().clear();
        let after = everything(house).await;
        if !fired {
            outcome.unwrap_or_else(|error| panic!("{verb}: {error:?}"));
            assert!(n > 3, "{verb}: BEGIN, a statement and COMMIT at least");
            assert_ne!(before, after, "{verb} changes something");
            return;
        }
        assert!(
            matches!(outcome, Err(Error::Store(StoreError::Injected { .. }))),
            "{verb}, statement {n}: {outcome:?}"
        );
        assert_eq!(before, after, "{verb}, statement {n}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_verb_is_ever_half_done() {
    in_both_houses(async |house| {
        let forge = &house.forge;
        let first = async |_| accounts::first_start(forge, NOW).await.map(drop);
        fail_each_statement(&house, "first_start", async || (), first).await;

        let admin = async || house.administer().await;
        let new = || NewAccount {
            name: "ada".into(),
            email: Some("ada@example.org".into()),
            password: Some("correct horse".into()),
            ..NewAccount::default()
        };
        let create = async |permit| accounts::create(forge, permit, new(), NOW).await.map(drop);
        fail_each_statement(&house, "accounts::create", admin, create).await;
        let ada = accounts::get(forge, &name("ada")).await.expect("ada");
        let who = &ada.name;

        let issue = async |permit| accounts::issue_link(forge, permit, who, NOW).await.map(drop);
        fail_each_statement(&house, "issue_link", admin, issue).await;
        let by_password = || SignIn::Password {
            name: "ada".into(),
            password: "correct horse".into(),
        };
        for by_link in [true, false] {
            let prepare = async || match by_link {
                true => {
                    let link = accounts::issue_link(forge, house.administer().await, who, NOW).await;
                    SignIn::Link {
                        token: link.expect("a link").token,
                    }
                }
                false => by_password(),
            };
            let open = async |by| sessions::open(forge, by, Default::default(), NOW).await.map(drop);
            fail_each_statement(&house, "sessions::open", prepare, open).await;
        }
        let opened = async || {
            let opened = sessions::open(forge, by_password(), Default::default(), NOW).await;
            opened.expect("an answer").expect("a session")
        };
        let rotate = async |cookie: SessionCookie| sessions::rotate(forge, &cookie, NOW + 1).await.map(drop);
        let cookie = async || SessionCookie::parse(&opened().await.cookie).expect("a cookie");
        fail_each_statement(&house, "rotate", cookie, rotate).await;

        let me = &house.signed_in(&ada).await;
        let write = async || house.write_self(me).await;
        let token = || NewToken {
            name: "t".into(),
            agent: None,
            scopes: "repo".parse().expect("a scope"),
            repositories: Some(vec![RepoId(1), RepoId(2)]),
            expires_at_ms: None,
        };
        let create = async |permit| tokens::create(forge, permit, token(), NOW).await.map(drop);
        fail_each_statement(&house, "tokens::create", write, create).await;
        let create = async |permit| {
            tokens::create_for(forge, permit, who, token(), NOW)
                .await
                .map(drop)
        };
        fail_each_statement(&house, "tokens::create_for", admin, create).await;
        let of_token = tokens::list(forge, house.read_self(me).await)
            .await
            .expect("a list")[0]
            .id;
        let delete = async |permit| tokens::delete(forge, permit, of_token, NOW).await;
        fail_each_statement(&house, "tokens::delete", write, delete).await;

        let key = || NewSshKey {
            name: String::new(),
            public_key: KEY.into(),
        };
        let add = async |permit| ssh_keys::add(forge, permit, key(), NOW).await.map(drop);
        fail_each_statement(&house, "ssh_keys::add", write, add).await;
        let of_key = async || {
            ssh_keys::list(forge, house.read_self(me).await)
                .await
                .expect("a list")[0]
                .id
        };
        let id = of_key().await;
        let delete = async |permit| ssh_keys::delete(forge, permit, id, NOW).await;
        fail_each_statement(&house, "ssh_keys::delete", write, delete).await;
        let add = async |permit| ssh_keys::add_for(forge, permit, who, key(), NOW).await.map(drop);
        fail_each_statement(&house, "ssh_keys::add_for", admin, add).await;

        let change = || ProfileChange {
            bio: Some("b".into()),
            ..ProfileChange::default()
        };
        let update = async |permit| {
            accounts::update_profile(forge, permit, change(), NOW + 1)
                .await
                .map(drop)
        };
        fail_each_statement(&house, "update_profile", write, update).await;
        let set = async |permit| {
            accounts::set_password(forge, permit, Some("correct horse"), "battery staple", NOW)
                .await
                .map(drop)
        };
        fail_each_statement(&house, "set_password", write, set).await;
        let reset = async |permit| {
            accounts::reset_password(forge, permit, who, "correct horse", NOW)
                .await
                .map(drop)
        };
        fail_each_statement(&house, "reset_password", admin, reset).await;

        let me = &house.signed_in(&ada).await;
        let write = async || house.write_self(me).await;
        let another = async || (house.write_self(me).await, opened().await.session.id);
        let end = async |(permit, id)| sessions::revoke_one(forge, permit, &id, NOW).await;
        fail_each_statement(&house, "revoke_one", another, end).await;
        let out = async || caller(&ada, Via::Session(opened().await.session.id), Scopes::ALL);
        let revoke = async |caller: Caller| sessions::revoke(forge, &caller, NOW).await.map(drop);
        fail_each_statement(&house, "revoke", out, revoke).await;
        let end = async |permit| sessions::revoke_all(forge, permit, NOW).await.map(drop);
        fail_each_statement(&house, "revoke_all", write, end).await;

        let promote = async |permit| accounts::set_admin(forge, permit, who, true, NOW).await.map(drop);
        fail_each_statement(&house, "set_admin", admin, promote).await;
        opened().await;
        let disable = async |permit| {
            accounts::set_disabled(forge, permit, who, true, NOW)
                .await
                .map(drop)
        };
        fail_each_statement(&house, "set_disabled", admin, disable).await;
        accounts::first_start(forge, NOW).await.expect("a link to sweep");
        let sweep = async |_| sessions::sweep(forge, NOW + 60 * DAY).await.map(drop);
        fail_each_statement(&house, "sweep", async || (), sweep).await;
    })
    .await;
}

/// The note of a use is worth less than the answer: where it cannot be written, the caller still
/// gets in.
#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_cannot_be_written_keeps_nobody_out() {
    in_both_houses(async |house| {
        let ada = house.account("ada").await;
        let new = NewToken {
            name: "t".into(),
            agent: None,
            scopes: "repo".parse().expect("a scope"),
            repositories: None,
            expires_at_ms: None,
        };
        let made = tokens::create_for(&house.forge, house.administer().await, &ada.name, new, NOW)
            .await
            .expect("one");
        // Two look-ups; then BEGIN, the note and COMMIT.
        for n in 3..=5 {
            house.store.faults().fail_nth(n);
            let who = tokens::authenticate(&house.forge, &made.secret, NOW).await;
            assert!(house.store.faults().clear(), "statement {n}");
            assert!(who.expect("an answer").is_some(), "statement {n}");
        }
    })
    .await;
}
