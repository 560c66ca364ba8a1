//! Wallets that open an account: nonces are used once, and whose wallet it is decides who comes in.

use super::*;
use plue_forge::access::accounts::join;
use plue_forge::sessions::{Client, Opened};
use plue_forge::wallets::{self, Shown};
use plue_forge::{People, accounts};

const WALLET: &str = "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf";
const OTHER: &str = "0x2b5ad5c4795c026514f8317c7a215e218dccd6cf";

impl House {
    fn lets_everybody_in(&self) {
        self.forge.meet_people_by(People {
            site: "Plue".to_owned(),
            sign_up: true,
            ..People::default()
        });
    }

    /// What a message with a fresh nonce shows.
    async fn shown(&self, address: &str) -> Shown {
        Shown {
            address: address.to_owned(),
            nonce: wallets::nonce(&self.forge, NOW).await.expect("a nonce"),
        }
    }

    async fn by_wallet(&self, shown: &Shown) -> Result<Option<Opened>, Error> {
        wallets::sign_in(&self.forge, shown, Client::default(), NOW).await
    }

    async fn register(&self, shown: &Shown, name: &str) -> Result<Option<Opened>, Error> {
        let anybody = Caller::anonymous(None, "test".to_owned());
        let permit = join(&self.forge, &anybody)?;
        wallets::register(&self.forge, permit, shown, name, "", Client::default(), NOW).await
    }
}

fn of(opened: &Opened) -> Caller {
    caller(
        &opened.account,
        Via::Session(opened.session.id.clone()),
        Scopes::ALL,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_makes_an_account_and_opens_it_again() {
    in_both_houses(async |house| {
        house.admin("chief").await;
        house.lets_everybody_in();
        let shown = house.shown(WALLET).await;
        let first = house.by_wallet(&shown).await.expect("an answer").expect("in");
        assert_eq!(first.account.name.as_str(), "0x7e5f5bdf");
        assert_eq!(first.account.wallet_address.as_deref(), Some(WALLET));
        assert!(
            house.by_wallet(&shown).await.expect("an answer").is_none(),
            "a nonce is used once"
        );
        let invented = Shown {
            nonce: "0123456789abcdef0123456789abcdef".to_owned(),
            ..shown.clone()
        };
        assert!(house.by_wallet(&invented).await.expect("an answer").is_none());
        let again = house.shown(WALLET).await;
        let late = wallets::sign_in(&house.forge, &again, Client::default(), NOW + 10 * MINUTE).await;
        assert!(late.expect("an answer").is_none(), "its time is over");
        let again = house.by_wallet(&again).await.expect("an answer").expect("in");
        assert_eq!(again.account.id, first.account.id);
        // Another address whose name is taken gets a longer one.
        let alike = "0x7e5f000000000000000000000000000000005bdf";
        let alike = house.by_wallet(&house.shown(alike).await).await;
        assert_eq!(
            alike.expect("an answer").expect("in").account.name.as_str(),
            "0x7e5f00005bdf"
        );
        accounts::set_disabled(
            &house.forge,
            house.administer().await,
            &first.account.name,
            true,
            NOW,
        )
        .await
        .expect("disabled");
        let shown = house.shown(WALLET).await;
        let refused = house.by_wallet(&shown).await.map(drop);
        assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
        assert!(
            house.by_wallet(&shown).await.expect("an answer").is_none(),
            "used all the same"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_chosen_by_who_registers() {
    in_both_houses(async |house| {
        house.lets_everybody_in();
        house.account("bob").await;
        let shown = house.shown(WALLET).await;
        let taken = house.register(&shown, "Bob").await.map(drop);
        assert!(
            matches!(
                taken,
                Err(Error::Conflict {
                    field: "username",
                    ..
                })
            ),
            "{taken:?}"
        );
        let bad = house.register(&shown, "api").await.map(drop);
        assert!(
            matches!(
                bad,
                Err(Error::Invalid {
                    field: "username",
                    ..
                })
            ),
            "{bad:?}"
        );
        // What did nothing has used nothing up.
        let ada = house
            .register(&shown, "ada")
            .await
            .expect("an answer")
            .expect("an account");
        assert_eq!(ada.account.name.as_str(), "ada");
        assert!(house.register(&shown, "eve").await.expect("an answer").is_none());
        let twice = house.register(&house.shown(WALLET).await, "eve").await.map(drop);
        assert!(
            matches!(twice, Err(Error::Conflict { field: "wallet", .. })),
            "{twice:?}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_site_lets_in_whose_wallet_is_linked() {
    in_both_houses(async |house| {
        let stranger = house.by_wallet(&house.shown(WALLET).await).await.map(drop);
        assert!(matches!(stranger, Err(Error::Forbidden(_))), "{stranger:?}");
        let registered = house.register(&house.shown(WALLET).await, "eve").await.map(drop);
        assert!(matches!(registered, Err(Error::Forbidden(_))), "{registered:?}");
        let ada = house.account("ada").await;
        let me = house.signed_in(&ada).await;
        let shown = house.shown(WALLET).await;
        let by_token = house.write_self(&caller(&ada, via_of(&me), Scopes::ALL)).await;
        assert!(
            wallets::link(&house.forge, by_token, &shown, NOW)
                .await
                .expect("linked")
        );
        let opened = house.by_wallet(&house.shown(WALLET).await).await;
        assert_eq!(opened.expect("an answer").expect("in").account.id, ada.id);
    })
    .await;
}

fn via_of(caller: &Caller) -> Via {
    match &caller.who {
        Who::Account { via, .. } => via.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wallets_are_linked_in_a_session_and_the_last_way_in_stays() {
    in_both_houses(async |house| {
        house.lets_everybody_in();
        let opened = house.by_wallet(&house.shown(WALLET).await).await;
        let opened = opened.expect("an answer").expect("in");
        let me = of(&opened);
        let write = async || house.write_self(&me).await;
        let last = wallets::unlink(&house.forge, write().await, WALLET, NOW).await;
        assert!(matches!(last, Err(Error::Refused(_))), "{last:?}");
        let shown = house.shown(OTHER).await;
        assert!(
            wallets::link(&house.forge, write().await, &shown, NOW + 1)
                .await
                .expect("linked")
        );
        assert!(
            !wallets::link(&house.forge, write().await, &shown, NOW + 1)
                .await
                .expect("used")
        );
        let listed = wallets::list(&house.forge, house.read_self(&me).await)
            .await
            .expect("a list");
        let addresses: Vec<_> = listed.iter().map(|wallet| wallet.address.as_str()).collect();
        assert_eq!(addresses, [WALLET, OTHER]);
        // Somebody else's stays theirs.
        let eve = house.account("eve").await;
        let eve = house.signed_in(&eve).await;
        let taken = wallets::link(
            &house.forge,
            house.write_self(&eve).await,
            &house.shown(WALLET).await,
            NOW,
        )
        .await;
        assert!(
            matches!(taken, Err(Error::Conflict { field: "wallet", .. })),
            "{taken:?}"
        );
        let others = wallets::unlink(&house.forge, house.write_self(&eve).await, WALLET, NOW).await;
        assert!(matches!(others, Err(Error::NotFound)), "{others:?}");
        let spelled = WALLET.to_uppercase().replace("0X", "0x");
        wallets::unlink(&house.forge, write().await, &spelled, NOW)
            .await
            .expect("removed");
        let now = accounts::by_id(&house.forge, opened.account.id)
            .await
            .expect("an account");
        assert_eq!(now.wallet_address.as_deref(), Some(OTHER));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_wallet_is_half_linked() {
    use super::faults::fail_each_statement;
    in_both_houses(async |house| {
        house.lets_everybody_in();
        let shown = async || house.shown(WALLET).await;
        let sign_in = async |shown: Shown| house.by_wallet(&shown).await.map(drop);
        fail_each_statement(&house, "by an unknown wallet", shown, sign_in).await;
        fail_each_statement(&house, "by a known wallet", shown, sign_in).await;
        let register = async |shown: Shown| house.register(&shown, "bob").await.map(drop);
        let other = async || house.shown(OTHER).await;
        fail_each_statement(&house, "register", other, register).await;
        let ada = house.account("ada").await;
        let me = &house.signed_in(&ada).await;
        let third = async || {
            let shown = house.shown("0x0000000000000000000000000000000000000003").await;
            (house.write_self(me).await, shown)
        };
        let link = async |(permit, shown): (_, Shown)| {
            wallets::link(&house.forge, permit, &shown, NOW).await.map(drop)
        };
        fail_each_statement(&house, "link", third, link).await;
    })
    .await;
}
