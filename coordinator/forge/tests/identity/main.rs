//! Who gets in, by what, and what stays when something fails: on both engines.

mod accounts;
mod faults;
mod hooks;
mod identities;
mod issues;
mod mail;
mod notifications;
mod oauth;
mod organisations;
mod parts;
mod passwords;
mod roles;
mod second_factor;
mod sessions;
mod ssh_keys;
mod stars;
mod tokens;
mod wallets;

use plue_blobs::Blobs;
use plue_contract::{AccountName, Caller, Scopes, Via, Who};
use plue_forge::access::accounts::{Administer, ReadSelf, WriteSelf};
use plue_forge::access::{self, Permit};
use plue_forge::accounts::{Account, NewAccount};
use plue_forge::{Error, Forge, GitSettings, LocalGit, Parts, PasswordSettings};
use plue_store::Store;

/// A moment; tests add to it.
const NOW: i64 = 1_800_000_000_000;
const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// A forge on a fresh store, with what a test does to it in the words of its users.
struct House {
    forge: Forge,
    store: Store,
    _folder: tempfile::TempDir,
}

/// Runs a test in a house on each engine.
async fn in_both_houses(mut test: impl AsyncFnMut(House)) {
    plue_store::testing::on_both_engines(async |store| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let git = plue_git::Git::locate(&path)
            .await
            .expect("git is needed to run this test");
        let git = LocalGit::open(git, GitSettings::new(folder.path().join("cache"))).expect("a cache");
        let parts = Parts {
            store: store.clone(),
            blobs: Blobs::directory(&folder.path().join("blobs"))
                .await
                .expect("a directory"),
            git,
            chance: |bytes| getrandom::fill(bytes).expect("randomness"),
            passwords: PasswordSettings {
                memory_kib: 8,
                passes: 1,
                ..PasswordSettings::default()
            },
        };
        let forge = Forge::new(parts).expect("settings that make sense");
        test(House {
            forge,
            store,
            _folder: folder,
        })
        .await;
    })
    .await;
}

impl House {
    async fn account(&self, name: &str) -> Account {
        self.account_with(NewAccount {
            name: name.to_owned(),
            ..NewAccount::default()
        })
        .await
        .expect("an account")
    }

    async fn admin(&self, name: &str) -> Account {
        let new = NewAccount {
            name: name.to_owned(),
            admin: true,
            ..NewAccount::default()
        };
        self.account_with(new).await.expect("an administrator")
    }

    async fn account_with(&self, new: NewAccount) -> Result<Account, Error> {
        plue_forge::accounts::create(&self.forge, self.administer().await, new, NOW).await
    }

    /// The forge's own permit to administer.
    async fn administer(&self) -> Permit<Administer> {
        access::accounts::administer(&self.forge, &Caller::system("test"), NOW)
            .await
            .expect("the forge may")
    }

    /// A session of the account, as the gateway sees its caller.
    async fn signed_in(&self, account: &Account) -> Caller {
        let link = plue_forge::accounts::issue_link(&self.forge, self.administer().await, &account.name, NOW)
            .await
            .expect("a link");
        let by = plue_forge::sessions::SignIn::Link { token: link.token };
        let opened = plue_forge::sessions::open(&self.forge, by, Default::default(), NOW)
            .await
            .expect("a session")
            .expect("a link that holds");
        caller(account, Via::Session(opened.session.id), Scopes::ALL)
    }

    async fn read_self(&self, caller: &Caller) -> Permit<ReadSelf> {
        access::accounts::read_self(&self.forge, caller, NOW)
            .await
            .expect("a permit to read")
    }

    async fn write_self(&self, caller: &Caller) -> Permit<WriteSelf> {
        access::accounts::write_self(&self.forge, caller, NOW)
            .await
            .expect("a permit to write")
    }
}

fn caller(account: &Account, via: Via, scopes: Scopes) -> Caller {
    let who = Who::Account {
        id: account.id,
        name: account.name.clone(),
        admin: account.admin,
        via,
        scopes,
        repositories: None,
    };
    Caller {
        who,
        address: None,
        request_id: "test".to_owned(),
    }
}

fn name(text: &str) -> AccountName {
    text.parse().expect("a name")
}
