//! Accounts at other sites that open an account here: by what they are linked, and by what never.

use super::*;
use plue_forge::identities::{self, Arrival, Shown, Why};
use plue_forge::sessions::{Client, Opened};
use plue_forge::{People, accounts, audit};

fn octocat() -> Shown {
    Shown {
        provider: "github",
        subject: "583231".to_owned(),
        login: "octocat".to_owned(),
        display_name: "The \u{7}Octocat".to_owned(),
        email: Some("octocat@plue.test".to_owned()),
    }
}

fn another(subject: &str, email: Option<&str>) -> Shown {
    Shown {
        subject: subject.to_owned(),
        email: email.map(str::to_owned),
        ..octocat()
    }
}

impl House {
    fn opens_its_doors(&self) {
        self.forge.meet_people_by(People {
            site: "Plue".to_owned(),
            sign_up: true,
            ..People::default()
        });
    }

    async fn arrives(&self, shown: &Shown) -> Arrival {
        identities::sign_in(&self.forge, shown, Client::default(), NOW)
            .await
            .expect("an answer")
    }

    async fn comes_in(&self, shown: &Shown) -> Box<Opened> {
        match self.arrives(shown).await {
            Arrival::In(opened) => opened,
            Arrival::Refused(why) => panic!("refused: {why:?}"),
        }
    }

    async fn is_refused(&self, shown: &Shown) -> Why {
        match self.arrives(shown).await {
            Arrival::In(opened) => panic!("came in as {}", opened.account.name),
            Arrival::Refused(why) => why,
        }
    }

    /// An account with an address, proven or not.
    async fn with_address(&self, who: &str, email: &str, proven: bool) -> Account {
        let new = NewAccount {
            name: who.to_owned(),
            email: Some(email.to_owned()),
            ..NewAccount::default()
        };
        let account = self.account_with(new).await.expect("an account");
        if proven {
            let id = account.id;
            self.store
                .in_tx("test.prove", |tx| {
                    Box::pin(async move {
                        plue_store::accounts::set_email_verified(tx, id, NOW).await?;
                        Ok::<_, Error>(())
                    })
                })
                .await
                .expect("proven");
        }
        account
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
async fn an_account_elsewhere_makes_one_here_and_opens_it_again() {
    in_both_houses(async |house| {
        house.admin("chief").await;
        house.opens_its_doors();
        let first = house.comes_in(&octocat()).await;
        assert_eq!(first.account.name.as_str(), "octocat");
        assert_eq!(first.account.display_name, "The Octocat");
        assert_eq!(first.account.email.as_deref(), Some("octocat@plue.test"));
        assert!(first.account.email_verified, "the site elsewhere has seen it");
        // It is known by its number there, whatever it is called now and whatever its address.
        let renamed = Shown {
            login: "monalisa".to_owned(),
            email: Some("mona@plue.test".to_owned()),
            ..octocat()
        };
        let again = house.comes_in(&renamed).await;
        assert_eq!(again.account.id, first.account.id);
        let listed = identities::list(&house.forge, house.read_self(&of(&again)).await)
            .await
            .expect("a list");
        assert_eq!(listed.len(), 1);
        assert_eq!(
            (listed[0].login.as_str(), listed[0].last_used_at_ms),
            ("monalisa", Some(NOW))
        );
        // Its old name there is somebody else's now, and gets another name here and no account.
        let newcomer = house.comes_in(&another("2", None)).await;
        assert_eq!(newcomer.account.name.as_str(), "octocat-2");
        assert_eq!(newcomer.account.email, None);
        // What is no address here is none.
        let odd = house.comes_in(&another("3", Some("not an address"))).await;
        assert_eq!(odd.account.email, None);
        accounts::set_disabled(
            &house.forge,
            house.administer().await,
            &name("octocat"),
            true,
            NOW,
        )
        .await
        .expect("disabled");
        assert_eq!(house.is_refused(&octocat()).await, Why::Disabled);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_address_that_was_proven_here_too_links_by_itself() {
    in_both_houses(async |house| {
        house.admin("chief").await;
        house.opens_its_doors();
        // Somebody made an account under an address that is not theirs, and waits.
        let waiting = house.with_address("eve", "octocat@plue.test", false).await;
        assert_eq!(house.is_refused(&octocat()).await, Why::Unproven);
        let proven = house.with_address("ada", "Ada@plue.test", true).await;
        let ada = another("4", Some("ada@PLUE.test"));
        let opened = house.comes_in(&ada).await;
        assert_eq!(opened.account.id, proven.id);
        let again = house.comes_in(&another("4", None)).await;
        assert_eq!(again.account.id, proven.id, "linked for good");
        let query = audit::Query {
            action: Some("identity.link".to_owned()),
            limit: 100,
            ..audit::Query::default()
        };
        let permit = house.read_self(&of(&opened)).await;
        let noted = audit::list(&house.forge, permit.into(), &query)
            .await
            .expect("a log");
        assert_eq!(noted.len(), 1);
        // An address that the site elsewhere has not seen never gets here, and without one nothing
        // leads to an account.
        let stranger = house.comes_in(&another("5", None)).await;
        assert!(![waiting.id, proven.id].contains(&stranger.account.id));
        accounts::set_disabled(&house.forge, house.administer().await, &name("ada"), true, NOW)
            .await
            .expect("disabled");
        let other = another("6", Some("ada@plue.test"));
        assert_eq!(house.is_refused(&other).await, Why::Disabled);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_site_lets_in_who_is_linked_and_the_last_way_in_stays() {
    in_both_houses(async |house| {
        assert_eq!(house.is_refused(&octocat()).await, Why::Closed);
        let ada = house.account("ada").await;
        let me = house.signed_in(&ada).await;
        let link = async |caller: &Caller, shown: &Shown| {
            identities::link(&house.forge, house.write_self(caller).await, shown, NOW).await
        };
        let by_token = caller(&ada, Via::Token(plue_contract::TokenId(1)), Scopes::ALL);
        let refused = match access::accounts::write_self(&house.forge, &by_token, NOW).await {
            Ok(permit) => identities::link(&house.forge, permit, &octocat(), NOW).await,
            Err(error) => Err(error),
        };
        assert!(refused.is_err(), "{refused:?}");
        link(&me, &octocat()).await.expect("linked");
        link(&me, &octocat()).await.expect("once more is nothing new");
        assert_eq!(house.comes_in(&octocat()).await.account.id, ada.id);
        let eve = house.account("eve").await;
        let eve = house.signed_in(&eve).await;
        let taken = link(&eve, &octocat()).await;
        assert!(
            matches!(
                taken,
                Err(Error::Conflict {
                    field: "provider",
                    ..
                })
            ),
            "{taken:?}"
        );
        let unlink = async |caller: &Caller, subject: &str| {
            let permit = house.write_self(caller).await;
            identities::unlink(&house.forge, permit, "github", subject, NOW).await
        };
        let others = unlink(&eve, "583231").await;
        assert!(matches!(others, Err(Error::NotFound)), "{others:?}");
        let last = unlink(&me, "583231").await;
        assert!(matches!(last, Err(Error::Refused(_))), "{last:?}");
        link(&me, &another("7", None)).await.expect("a second one");
        unlink(&me, "583231").await.expect("the other one is left");
        assert_eq!(house.is_refused(&octocat()).await, Why::Closed);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_account_elsewhere_is_half_linked() {
    use super::faults::fail_each_statement;
    in_both_houses(async |house| {
        house.opens_its_doors();
        let nothing = async || ();
        let sign_in = async |shown: &Shown| {
            identities::sign_in(&house.forge, shown, Client::default(), NOW)
                .await
                .map(drop)
        };
        let unknown = octocat();
        fail_each_statement(&house, "a newcomer", nothing, async |()| sign_in(&unknown).await).await;
        fail_each_statement(&house, "who is known", nothing, async |()| {
            sign_in(&unknown).await
        })
        .await;
        house.with_address("ada", "ada@plue.test", true).await;
        let by_address = another("8", Some("ada@plue.test"));
        fail_each_statement(&house, "by address", nothing, async |()| {
            sign_in(&by_address).await
        })
        .await;
        let bob = house.account("bob").await;
        let me = &house.signed_in(&bob).await;
        let (ninth, tenth) = (another("9", None), another("10", None));
        let write = async || house.write_self(me).await;
        let link = async |permit| identities::link(&house.forge, permit, &ninth, NOW).await;
        fail_each_statement(&house, "link", write, link).await;
        identities::link(&house.forge, write().await, &tenth, NOW)
            .await
            .expect("linked");
        let unlink = async |permit| identities::unlink(&house.forge, permit, "github", "10", NOW).await;
        fail_each_statement(&house, "unlink", write, unlink).await;
    })
    .await;
}
