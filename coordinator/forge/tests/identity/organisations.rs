//! Organisations, how they lie in each other, who belongs to them, and their teams.

use super::faults::fail_each_statement;
use super::*;
use plue_contract::{Scope, TeamName};
use plue_forge::access::organisations as may;
use plue_forge::access::repositories as repo_access;
use plue_forge::audit::{self, Action};
use plue_forge::organisations::{self, Organisation, OrganisationChange, members};
use plue_forge::repositories::{self, NewRepository, Visibility};
use plue_forge::roles::{MemberRole, Role};
use plue_forge::teams::{self, TeamChange};

pub(super) async fn found(
    house: &House,
    caller: &Caller,
    named: &str,
    parent: Option<&str>,
) -> Result<Organisation, Error> {
    let permit = may::found(&house.forge, caller, NOW).await?;
    let parent = match parent {
        Some(parent) => Some(may::administer(&house.forge, caller, &name(parent), NOW).await?),
        None => None,
    };
    let about = OrganisationChange::default();
    organisations::create(&house.forge, permit, named, parent, about, NOW).await
}

pub(super) async fn put(
    house: &House,
    caller: &Caller,
    organisation: &str,
    who: &str,
    role: MemberRole,
) -> Result<(), Error> {
    let permit = may::administer(&house.forge, caller, &name(organisation), NOW).await?;
    members::put(&house.forge, permit, &name(who), role, NOW).await
}

async fn take_out(house: &House, caller: &Caller, organisation: &str, who: &str) -> Result<(), Error> {
    let permit = may::administer(&house.forge, caller, &name(organisation), NOW).await?;
    members::remove(&house.forge, permit, &name(who), NOW).await
}

async fn lay(
    house: &House,
    caller: &Caller,
    organisation: &str,
    parent: Option<&str>,
) -> Result<Organisation, Error> {
    let permit = may::own(&house.forge, caller, &name(organisation), NOW).await?;
    let parent = match parent {
        Some(parent) => Some(may::administer(&house.forge, caller, &name(parent), NOW).await?),
        None => None,
    };
    organisations::move_into(&house.forge, permit, parent, NOW).await
}

pub(super) async fn repository(
    house: &House,
    caller: &Caller,
    path: &str,
    visibility: Visibility,
) -> Result<(), Error> {
    let (owner, called) = path.split_once('/').expect("owner/name");
    let permit = repo_access::create_under(&house.forge, caller, &name(owner), NOW).await?;
    let new = NewRepository {
        name: called.parse().expect("a name"),
        description: String::new(),
        visibility,
        object_format: "sha1".parse().expect("a format"),
        default_bookmark: None,
    };
    repositories::create(&house.forge, permit, new, NOW)
        .await
        .map(drop)
}

fn team(text: &str) -> TeamName {
    text.parse().expect("a name")
}

/// The word for how something ended.
pub(super) fn word<T>(outcome: Result<T, Error>) -> &'static str {
    match outcome {
        Ok(_) => "yes",
        Err(Error::NotFound) => "not found",
        Err(Error::Unauthenticated) => "sign in",
        Err(Error::Forbidden(_)) => "forbidden",
        Err(Error::InsufficientScope(_)) => "scope",
        Err(Error::Conflict { .. }) => "conflict",
        Err(Error::Refused(_)) => "refused",
        Err(Error::Invalid { .. }) => "invalid",
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_shared_with_accounts() {
    in_both_houses(async |house| {
        let ada = house.account("ada").await;
        let ada = house.signed_in(&ada).await;
        let made = found(&house, &ada, "Weavers", None)
            .await
            .expect("an organisation");
        assert_eq!((made.name.as_str(), made.parent), ("Weavers", None));
        for (bad, said) in [
            ("weavers", "conflict"),
            ("ada", "conflict"),
            ("api", "invalid"),
            ("../x", "invalid"),
            ("a--b", "invalid"),
            ("", "invalid"),
        ] {
            assert_eq!(word(found(&house, &ada, bad, None).await), said, "{bad}");
        }
        let taken = house.account_with(NewAccount {
            name: "WEAVERS".to_owned(),
            ..NewAccount::default()
        });
        assert_eq!(word(taken.await), "conflict");
        // An organisation is nobody who could be found, signed in or let in.
        assert_eq!(
            word(plue_forge::accounts::get(&house.forge, &name("weavers")).await),
            "not found"
        );
        let weavers = name("weavers");
        let link = plue_forge::accounts::issue_link(&house.forge, house.administer().await, &weavers, NOW);
        assert_eq!(word(link.await), "not found");
        assert_eq!(
            word(put(&house, &ada, "weavers", "weavers", MemberRole::Read).await),
            "invalid"
        );
        let listed = plue_forge::accounts::list(&house.forge, 100, 0)
            .await
            .expect("a list");
        assert_eq!(listed.total, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_are_inherited_to_any_depth_and_nothing_lies_in_itself() {
    in_both_houses(async |house| {
        let ada = house.account("ada").await;
        let ada = house.signed_in(&ada).await;
        let bob = house.account("bob").await;
        let bob = house.signed_in(&bob).await;
        found(&house, &ada, "g0", None).await.expect("an organisation");
        for depth in 1..40 {
            let (inner, outer) = (format!("g{depth}"), format!("g{}", depth - 1));
            found(&house, &ada, &inner, Some(&outer))
                .await
                .expect("a deeper one");
        }
        repository(&house, &ada, "g39/engine", Visibility::Private)
            .await
            .expect("a repository");
        let path = "g39/engine".parse().expect("a path");
        let reads = async || word(repo_access::read(&house.forge, &bob, &path, NOW).await);
        let pushes = async || word(repo_access::push(&house.forge, &bob, &path, NOW).await);
        assert_eq!(reads().await, "not found");
        put(&house, &ada, "g0", "bob", MemberRole::Read)
            .await
            .expect("in");
        assert_eq!((reads().await, pushes().await), ("yes", "forbidden"));
        put(&house, &ada, "g20", "bob", MemberRole::Write)
            .await
            .expect("in");
        assert_eq!((reads().await, pushes().await), ("yes", "yes"));
        // What is moved out of the organisation takes nobody with it.
        lay(&house, &ada, "g30", None).await.expect("at the top");
        assert_eq!(reads().await, "not found");
        assert_eq!(word(lay(&house, &ada, "g30", Some("g39")).await), "conflict");
        assert_eq!(word(lay(&house, &ada, "g30", Some("g30")).await), "conflict");
        assert_eq!(word(lay(&house, &ada, "g0", Some("g29")).await), "conflict");
        lay(&house, &ada, "g30", Some("g5")).await.expect("moved");
        assert_eq!((reads().await, pushes().await), ("yes", "forbidden"));
        take_out(&house, &ada, "g0", "bob").await.expect("out");
        assert_eq!(reads().await, "not found");
        assert_eq!(word(take_out(&house, &ada, "g0", "bob").await), "not found");
        assert_eq!(word(take_out(&house, &ada, "g0", "nobody").await), "not found");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_always_owns_what_lies_at_the_top() {
    in_both_houses(async |house| {
        let ada = house.account("ada").await;
        let ada = house.signed_in(&ada).await;
        let bob = house.account("bob").await;
        let bob = house.signed_in(&bob).await;
        found(&house, &ada, "weavers", None)
            .await
            .expect("an organisation");
        found(&house, &ada, "looms", Some("weavers"))
            .await
            .expect("one in it");
        put(&house, &ada, "weavers", "bob", MemberRole::Admin)
            .await
            .expect("in");
        // Administrators let others in, up to their own role, and leave the owners alone.
        house.account("eve").await;
        put(&house, &bob, "weavers", "eve", MemberRole::Admin)
            .await
            .expect("in");
        assert_eq!(
            word(put(&house, &bob, "weavers", "eve", MemberRole::Owner).await),
            "forbidden"
        );
        assert_eq!(
            word(put(&house, &bob, "weavers", "ada", MemberRole::Read).await),
            "forbidden"
        );
        assert_eq!(word(take_out(&house, &bob, "weavers", "ada").await), "forbidden");
        assert_eq!(word(lay(&house, &bob, "looms", None).await), "forbidden");
        assert_eq!(
            word(put(&house, &ada, "weavers", "ada", MemberRole::Admin).await),
            "refused"
        );
        let leave = async |caller: &Caller| {
            let permit = may::leave(&house.forge, caller, &name("weavers"), NOW).await?;
            members::leave(&house.forge, permit, NOW).await
        };
        assert_eq!(word(leave(&ada).await), "refused");
        // One that lies in another one may do without an owner of its own, until it leaves that.
        take_out(&house, &ada, "looms", "ada").await.expect("out");
        assert_eq!(word(lay(&house, &ada, "looms", None).await), "refused");
        leave(&bob).await.expect("gone");
        assert_eq!(word(leave(&bob).await), "forbidden");
        put(&house, &ada, "weavers", "bob", MemberRole::Owner)
            .await
            .expect("in");
        leave(&ada).await.expect("gone");
        // Full is not deleted, empty is, and its name is free.
        let end = async |caller: &Caller, of: &str| {
            let permit = may::own(&house.forge, caller, &name(of), NOW).await?;
            organisations::delete(&house.forge, permit, NOW).await
        };
        assert_eq!(word(end(&bob, "weavers").await), "conflict");
        assert_eq!(word(end(&ada, "weavers").await), "forbidden");
        repository(&house, &bob, "looms/one", Visibility::Public)
            .await
            .expect("a repository");
        assert_eq!(word(end(&bob, "looms").await), "conflict");
        let path = "looms/one".parse().expect("a path");
        let permit = repo_access::administer(&house.forge, &bob, &path, NOW)
            .await
            .expect("a permit");
        let to = repo_access::create_under(&house.forge, &bob, &name("bob"), NOW)
            .await
            .expect("a permit");
        let moved = repositories::transfer(&house.forge, permit, to, NOW)
            .await
            .expect("moved");
        assert_eq!(moved.path().to_string(), "bob/one");
        end(&bob, "looms").await.expect("ended");
        end(&bob, "weavers").await.expect("ended");
        assert_eq!(
            word(may::read(&house.forge, &bob, &name("weavers"), NOW).await),
            "not found"
        );
        house.account("weavers").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_opens_what_it_was_let_into() {
    in_both_houses(async |house| {
        let ada = house.account("ada").await;
        let ada = house.signed_in(&ada).await;
        let bob = house.account("bob").await;
        let bob = house.signed_in(&bob).await;
        found(&house, &ada, "weavers", None)
            .await
            .expect("an organisation");
        found(&house, &ada, "looms", Some("weavers"))
            .await
            .expect("one in it");
        for path in ["weavers/engine", "weavers/other", "looms/deep"] {
            repository(&house, &ada, path, Visibility::Private)
                .await
                .expect("a repository");
        }
        let administer = async || may::administer(&house.forge, &ada, &name("weavers"), NOW).await;
        let change = |role| TeamChange {
            role: Some(role),
            ..TeamChange::default()
        };
        let make = async |role| {
            teams::create(&house.forge, administer().await?, team("core"), change(role), NOW).await
        };
        assert_eq!(word(make(MemberRole::Owner).await), "invalid");
        make(MemberRole::Member).await.expect("a team");
        assert_eq!(word(make(MemberRole::Member).await), "conflict");
        let join = async || {
            teams::put_member(
                &house.forge,
                administer().await?,
                &team("core"),
                &name("bob"),
                NOW,
            )
            .await
        };
        assert_eq!(
            word(join().await),
            "invalid",
            "who is in a team is in its organisation"
        );
        put(&house, &ada, "weavers", "bob", MemberRole::Member)
            .await
            .expect("in");
        join().await.expect("in the team");
        join().await.expect("once more");
        let all = async || {
            let mut words = Vec::new();
            for path in ["weavers/engine", "weavers/other", "looms/deep"] {
                let path = path.parse().expect("a path");
                words.push(word(repo_access::push(&house.forge, &bob, &path, NOW).await));
            }
            words
        };
        assert_eq!(all().await, ["not found"; 3]);
        let open = async |path: &str, role| {
            let permit = administer().await?;
            let path = path.parse().expect("a name");
            teams::put_repository(&house.forge, permit, &team("core"), &path, role, NOW).await
        };
        assert_eq!(word(open("none", Role::Write).await), "not found");
        assert_eq!(
            word(open("deep", Role::Write).await),
            "not found",
            "of another organisation"
        );
        open("engine", Role::Write).await.expect("open");
        assert_eq!(all().await, ["yes", "not found", "not found"]);
        open("engine", Role::Read).await.expect("open");
        assert_eq!(all().await, ["forbidden", "not found", "not found"]);
        let permit = administer().await.expect("a permit");
        teams::update(
            &house.forge,
            permit,
            &team("core"),
            change(MemberRole::Write),
            NOW,
        )
        .await
        .expect("changed");
        assert_eq!(all().await, ["yes"; 3]);
        let permit = administer().await.expect("a permit");
        teams::remove_member(&house.forge, permit, &team("core"), &name("bob"), NOW)
            .await
            .expect("out");
        assert_eq!(all().await, ["not found"; 3]);
        join().await.expect("in again");
        let permit = administer().await.expect("a permit");
        teams::delete(&house.forge, permit, &team("CORE"), NOW)
            .await
            .expect("gone");
        assert_eq!(all().await, ["not found"; 3]);
        // Members see who belongs and which teams there are, and change nothing.
        let see = may::see_members(&house.forge, &bob, &name("weavers"), NOW)
            .await
            .expect("seen");
        assert_eq!(
            members::list(&house.forge, see, 10, 0)
                .await
                .expect("a list")
                .total,
            2
        );
        assert_eq!(
            word(put(&house, &bob, "weavers", "bob", MemberRole::Admin).await),
            "forbidden"
        );
        assert_eq!(
            word(may::see_members(&house.forge, &bob, &name("looms"), NOW).await),
            "yes",
            "who belongs to an organisation sees into those that lie in it"
        );
        let nobody = Caller::anonymous(None, "t");
        assert_eq!(
            word(may::see_members(&house.forge, &nobody, &name("weavers"), NOW).await),
            "sign in"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_reaches_organisations_by_its_scope() {
    in_both_houses(async |house| {
        let ada = house.account("ada").await;
        let me = house.signed_in(&ada).await;
        found(&house, &me, "weavers", None)
            .await
            .expect("an organisation");
        let with = |scopes: &[Scope]| {
            let mut caller = me.clone();
            if let Who::Account { scopes: held, .. } = &mut caller.who {
                *held = Scopes::of(scopes.iter().copied());
            }
            caller
        };
        let seen = async |caller: &Caller| {
            let of = &name("weavers");
            [
                word(may::see_members(&house.forge, caller, of, NOW).await),
                word(may::administer(&house.forge, caller, of, NOW).await),
                word(may::found(&house.forge, caller, NOW).await),
            ]
        };
        assert_eq!(seen(&with(&[Scope::Repo, Scope::User])).await, ["scope"; 3]);
        assert_eq!(seen(&with(&[Scope::OrgRead])).await, ["yes", "scope", "scope"]);
        assert_eq!(seen(&with(&[Scope::OrgWrite])).await, ["yes"; 3]);
        let mut bound = me.clone();
        if let Who::Account { repositories, .. } = &mut bound.who {
            *repositories = Some(Vec::new());
        }
        assert_eq!(seen(&bound).await, ["forbidden"; 3]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_of_organisations_happens_or_does_not() {
    in_both_houses(async |house| {
        let ada = house.account("ada").await;
        let ada = house.signed_in(&ada).await;
        house.account("bob").await;
        let forge = &house.forge;
        found(&house, &ada, "outer", None).await.expect("an organisation");
        let nothing = async || ();
        fail_each_statement(&house, "create", nothing, async |()| {
            found(&house, &ada, "weavers", Some("outer")).await.map(drop)
        })
        .await;
        let permit = async || may::administer(forge, &ada, &name("weavers"), NOW).await;
        let own = async || may::own(forge, &ada, &name("weavers"), NOW).await;
        fail_each_statement(&house, "update", nothing, async |()| {
            let change = OrganisationChange {
                location: Some("Here".into()),
                ..OrganisationChange::default()
            };
            organisations::update(forge, permit().await?, change, NOW)
                .await
                .map(drop)
        })
        .await;
        fail_each_statement(&house, "move", nothing, async |()| {
            organisations::move_into(forge, own().await?, None, NOW)
                .await
                .map(drop)
        })
        .await;
        fail_each_statement(&house, "put", nothing, async |()| {
            members::put(forge, permit().await?, &name("bob"), MemberRole::Read, NOW).await
        })
        .await;
        fail_each_statement(&house, "team", nothing, async |()| {
            let change = TeamChange::default();
            teams::create(forge, permit().await?, team("core"), change, NOW)
                .await
                .map(drop)
        })
        .await;
        fail_each_statement(&house, "team member", nothing, async |()| {
            teams::put_member(forge, permit().await?, &team("core"), &name("bob"), NOW).await
        })
        .await;
        repository(&house, &ada, "weavers/engine", Visibility::Private)
            .await
            .expect("a repository");
        let engine = "engine".parse().expect("a name");
        fail_each_statement(&house, "team repository", nothing, async |()| {
            teams::put_repository(forge, permit().await?, &team("core"), &engine, Role::Read, NOW).await
        })
        .await;
        fail_each_statement(&house, "no team repository", nothing, async |()| {
            teams::remove_repository(forge, permit().await?, &team("core"), &engine, NOW).await
        })
        .await;
        fail_each_statement(&house, "team update", nothing, async |()| {
            let change = TeamChange {
                description: Some("The core".into()),
                ..TeamChange::default()
            };
            teams::update(forge, permit().await?, &team("core"), change, NOW)
                .await
                .map(drop)
        })
        .await;
        fail_each_statement(&house, "team delete", nothing, async |()| {
            teams::delete(forge, permit().await?, &team("core"), NOW).await
        })
        .await;
        fail_each_statement(&house, "remove", nothing, async |()| {
            members::remove(forge, permit().await?, &name("bob"), NOW).await
        })
        .await;
        found(&house, &ada, "empty", None).await.expect("an organisation");
        fail_each_statement(&house, "delete", nothing, async |()| {
            let own = may::own(forge, &ada, &name("empty"), NOW).await?;
            organisations::delete(forge, own, NOW).await
        })
        .await;
        // Each of them has left its entry, once, and the owner reads them.
        let reader = own().await.expect("a permit").into();
        let query = audit::Query {
            limit: 100,
            ..audit::Query::default()
        };
        let found = audit::list(forge, reader, &query).await.expect("entries");
        let mut actions: Vec<&str> = found.iter().map(|entry| entry.action.as_str()).collect();
        actions.reverse();
        let expected = [
            Action::OrganisationCreate,
            Action::OrganisationUpdate,
            Action::OrganisationMove,
            Action::MemberPut,
            Action::TeamCreate,
            Action::TeamMemberPut,
            Action::RepositoryCreate,
            Action::TeamRepositoryPut,
            Action::TeamRepositoryRemove,
            Action::TeamUpdate,
            Action::TeamDelete,
            Action::MemberRemove,
        ];
        assert_eq!(actions, expected.map(Action::as_str));
        assert!(
            found
                .iter()
                .all(|entry| entry.actor == "ada" && entry.via == "session")
        );
    })
    .await;
}

/// Whoever administers a repository alone was let in by the organisation, and does not take it away.
#[tokio::test(flavor = "multi_thread")]
async fn a_repository_leaves_by_the_hand_of_who_administers_its_organisation() {
    in_both_houses(async |house| {
        let ada = house.account("ada").await;
        let ada = house.signed_in(&ada).await;
        let bob = house.account("bob").await;
        let bob = house.signed_in(&bob).await;
        found(&house, &ada, "weavers", None)
            .await
            .expect("an organisation");
        repository(&house, &ada, "weavers/engine", Visibility::Private)
            .await
            .expect("a repository");
        let path = "weavers/engine".parse().expect("a path");
        let permit = repo_access::administer(&house.forge, &ada, &path, NOW)
            .await
            .expect("a permit");
        plue_forge::collaborators::put(&house.forge, permit, &name("bob"), Role::Admin, NOW)
            .await
            .expect("let in");
        let take = async |caller: &Caller| {
            let permit = repo_access::administer(&house.forge, caller, &path, NOW).await?;
            let to = repo_access::create_under(&house.forge, caller, &name("bob"), NOW).await?;
            repositories::transfer(&house.forge, permit, to, NOW).await
        };
        assert_eq!(word(take(&bob).await), "forbidden");
        // One who belongs to the organisation and only maintains is no better off.
        put(&house, &ada, "weavers", "bob", MemberRole::Maintain)
            .await
            .expect("in");
        assert_eq!(word(take(&bob).await), "forbidden");
        put(&house, &ada, "weavers", "bob", MemberRole::Admin)
            .await
            .expect("in");
        let moved = take(&bob).await.expect("moved");
        assert_eq!(moved.path().to_string(), "bob/engine");
        // What is a person's is theirs to give.
        let path = "bob/engine".parse().expect("a path");
        let permit = repo_access::administer(&house.forge, &bob, &path, NOW)
            .await
            .expect("a permit");
        let to = repo_access::create_under(&house.forge, &bob, &name("weavers"), NOW)
            .await
            .expect("a permit");
        repositories::transfer(&house.forge, permit, to, NOW)
            .await
            .expect("back");
    })
    .await;
}
