//! Who may do what to a repository: every role, however it came about, with every verb that asks
//! for a permit.

use super::organisations::{found, put, repository, word};
use super::*;
use plue_contract::{RepoPath, Scope, TokenId};
use plue_forge::access::organisations as org_access;
use plue_forge::access::repositories as may;
use plue_forge::collaborators;
use plue_forge::repositories::{self, RepositoryChange, Visibility};
use plue_forge::roles::{MemberRole, Role};
use plue_forge::teams::{self, TeamChange};

/// What each role may: read, push, change the description, change the visibility, administer.
const TABLE: [(&str, [&str; 5]); 8] = [
    ("anonymous", ["not found"; 5]),
    ("stranger", ["not found"; 5]),
    ("elsewhere", ["not found"; 5]),
    (
        "read",
        ["yes", "forbidden", "forbidden", "forbidden", "forbidden"],
    ),
    (
        "triage",
        ["yes", "forbidden", "forbidden", "forbidden", "forbidden"],
    ),
    ("write", ["yes", "yes", "forbidden", "forbidden", "forbidden"]),
    ("maintain", ["yes", "yes", "yes", "forbidden", "forbidden"]),
    ("admin", ["yes"; 5]),
];

async fn all(house: &House, caller: &Caller, path: &RepoPath) -> [&'static str; 5] {
    let forge = &house.forge;
    let change = async |change: RepositoryChange| {
        let permit = may::maintain(forge, caller, path, NOW).await?;
        repositories::update(forge, permit, change, NOW).await
    };
    // The other way and back, so that the next one finds what the one before did.
    let before = may::read(forge, &Caller::system("test"), path, NOW)
        .await
        .expect("it is there");
    let (was, other) = match before.on().visibility {
        Visibility::Internal => (Visibility::Internal, Visibility::Private),
        was => (was, Visibility::Internal),
    };
    let seen = |visibility| RepositoryChange {
        visibility: Some(visibility),
        ..RepositoryChange::default()
    };
    let describe = RepositoryChange {
        description: Some("About it".into()),
        visibility: Some(was),
        ..RepositoryChange::default()
    };
    let words = [
        word(may::read(forge, caller, path, NOW).await),
        word(may::push(forge, caller, path, NOW).await),
        word(change(describe).await),
        word(change(seen(other)).await),
        word(may::administer(forge, caller, path, NOW).await),
    ];
    let permit = may::administer(forge, &Caller::system("test"), path, NOW)
        .await
        .expect("a permit");
    repositories::update(forge, permit.into(), seen(was), NOW)
        .await
        .expect("as before");
    words
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_with_every_verb() {
    in_both_houses(async |house| {
        let forge = &house.forge;
        let chief = house.account("chief").await;
        let chief = house.signed_in(&chief).await;
        found(&house, &chief, "outer", None)
            .await
            .expect("an organisation");
        found(&house, &chief, "weavers", Some("outer"))
            .await
            .expect("one in it");
        repository(&house, &chief, "weavers/engine", Visibility::Private)
            .await
            .expect("a repository");
        let path: RepoPath = "weavers/engine".parse().expect("a path");
        for (role, expected) in TABLE {
            let mut callers = Vec::new();
            match role {
                "anonymous" => callers.push(("nobody", Caller::anonymous(None, "t"))),
                "stranger" => {
                    let account = house.account("stranger").await;
                    callers.push(("a stranger", house.signed_in(&account).await));
                }
                "elsewhere" => {
                    let account = house.account("elsewhere").await;
                    let caller = house.signed_in(&account).await;
                    found(&house, &caller, "others", None)
                        .await
                        .expect("another organisation");
                    repository(&house, &caller, "others/engine", Visibility::Private)
                        .await
                        .expect("another repository");
                    callers.push(("another's administrator", caller));
                }
                role => {
                    let member: MemberRole = role.parse().expect("a role");
                    let role: Role = role.parse().expect("a role");
                    for (how, said) in [
                        ("c", "a collaborator"),
                        ("m", "a member"),
                        ("o", "a member above"),
                        ("t", "in a team"),
                        ("g", "in a team that was let in"),
                    ] {
                        let account = house.account(&format!("{how}-{}", role.as_str())).await;
                        let caller = house.signed_in(&account).await;
                        let of = account.name.as_str();
                        match how {
                            "c" => {
                                let permit = may::administer(forge, &chief, &path, NOW)
                                    .await
                                    .expect("a permit");
                                collaborators::put(forge, permit, &account.name, role, NOW)
                                    .await
                                    .expect("in");
                            }
                            "m" => put(&house, &chief, "weavers", of, member).await.expect("in"),
                            "o" => put(&house, &chief, "outer", of, member).await.expect("in"),
                            how => {
                                put(&house, &chief, "weavers", of, MemberRole::Member)
                                    .await
                                    .expect("in");
                                let permit = async || {
                                    org_access::administer(forge, &chief, &name("weavers"), NOW)
                                        .await
                                        .expect("a permit")
                                };
                                let team = format!("{how}{}", role.as_str()).parse().expect("a name");
                                let change = TeamChange {
                                    role: (how == "t").then_some(member),
                                    ..TeamChange::default()
                                };
                                teams::create(forge, permit().await, team, change, NOW)
                                    .await
                                    .expect("a team");
                                let team = format!("{how}{}", role.as_str()).parse().expect("a name");
                                teams::put_member(forge, permit().await, &team, &account.name, NOW)
                                    .await
                                    .expect("in");
                                if how == "g" {
                                    teams::put_repository(
                                        forge,
                                        permit().await,
                                        &team,
                                        &path.name,
                                        role,
                                        NOW,
                                    )
                                    .await
                                    .expect("open");
                                }
                            }
                        }
                        callers.push((said, caller));
                    }
                }
            }
            for (said, caller) in callers {
                assert_eq!(all(&house, &caller, &path).await, expected, "{role}: {said}");
            }
        }
        // An internal one is read by everybody who has an account, and a public one by everybody.
        for (visibility, anonymous, stranger) in [
            (Visibility::Internal, "not found", "yes"),
            (Visibility::Public, "yes", "yes"),
        ] {
            let permit = may::administer(forge, &chief, &path, NOW)
                .await
                .expect("a permit");
            let change = RepositoryChange {
                visibility: Some(visibility),
                ..RepositoryChange::default()
            };
            repositories::update(forge, permit.into(), change, NOW)
                .await
                .expect("changed");
            let nobody = Caller::anonymous(None, "t");
            assert_eq!(word(may::read(forge, &nobody, &path, NOW).await), anonymous);
            let account = plue_forge::accounts::get(forge, &name("stranger"))
                .await
                .expect("somebody");
            let caller = house.signed_in(&account).await;
            let expected = [stranger, "forbidden", "forbidden", "forbidden", "forbidden"];
            assert_eq!(all(&house, &caller, &path).await, expected);
            let listed = async |caller: &Caller| {
                let query = repositories::Query::default();
                repositories::list(forge, caller, query, NOW)
                    .await
                    .expect("a list")
                    .total
            };
            assert_eq!(listed(&nobody).await, i64::from(anonymous == "yes"));
            assert_eq!(listed(&caller).await, 1);
            // A credential that may not read is nobody's, and one for other repositories too.
            let mut narrow = caller.clone();
            if let Who::Account { repositories, .. } = &mut narrow.who {
                *repositories = Some(Vec::new());
            }
            assert_eq!(word(may::read(forge, &narrow, &path, NOW).await), anonymous);
            let mut user = caller.clone();
            if let Who::Account { scopes, .. } = &mut user.who {
                *scopes = Scopes::of([Scope::User]);
            }
            assert_eq!(word(may::read(forge, &user, &path, NOW).await), anonymous);
            assert_eq!(listed(&user).await, i64::from(anonymous == "yes"));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_are_made_by_those_who_maintain_the_organisation() {
    in_both_houses(async |house| {
        let chief = house.account("chief").await;
        let chief = house.signed_in(&chief).await;
        found(&house, &chief, "weavers", None)
            .await
            .expect("an organisation");
        let mut words = Vec::new();
        for role in MemberRole::ALL {
            let account = house.account(&format!("a-{}", role.as_str())).await;
            put(&house, &chief, "weavers", account.name.as_str(), role)
                .await
                .expect("in");
            let caller = house.signed_in(&account).await;
            let path = format!("weavers/by-{}", role.as_str());
            words.push(word(
                repository(&house, &caller, &path, Visibility::Private).await,
            ));
            let own = format!("{}/mine", account.name);
            assert_eq!(
                word(repository(&house, &caller, &own, Visibility::Private).await),
                "yes"
            );
            assert_eq!(
                word(repository(&house, &caller, "chief/theirs", Visibility::Private).await),
                "not found"
            );
        }
        let no = "not found";
        assert_eq!(words, [no, no, no, no, "yes", "yes", "yes"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_the_agent_of_a_token() {
    in_both_houses(async |house| {
        let ada = house.account("ada").await;
        let me = house.signed_in(&ada).await;
        let new = |agent: Option<&str>, scopes: &str| plue_forge::tokens::NewToken {
            name: "ci".into(),
            agent: agent.map(str::to_owned),
            scopes: scopes.parse().expect("scopes"),
            repositories: None,
            expires_at_ms: None,
        };
        let make =
            async |new| plue_forge::tokens::create(&house.forge, house.write_self(&me).await, new, NOW).await;
        assert_eq!(word(make(new(Some(" "), "repo")).await), "invalid");
        assert_eq!(word(make(new(Some("a\nb"), "repo")).await), "invalid");
        let made = make(new(Some("scribe"), "repo,user"))
            .await
            .expect("a token")
            .token;
        assert_eq!(made.agent.as_deref(), Some("scribe"));
        let with_it = |id: TokenId| caller(&ada, Via::Token(id), made.scopes);
        repository(&house, &with_it(made.id), "ada/engine", Visibility::Private)
            .await
            .expect("a repository");
        let reader = house.read_self(&me).await.into();
        let query = plue_forge::audit::Query {
            limit: 1,
            ..plue_forge::audit::Query::default()
        };
        let found = plue_forge::audit::list(&house.forge, reader, &query)
            .await
            .expect("entries");
        assert_eq!(found[0].action, "repository.create");
        assert_eq!(found[0].via, format!("token {} of the agent scribe", made.id));
        let chief = house.admin("chief").await;
        let chief = house.signed_in(&chief).await;
        let admin = new(Some("scribe"), "admin");
        let made = plue_forge::tokens::create(&house.forge, house.write_self(&chief).await, admin, NOW).await;
        assert_eq!(word(made), "invalid", "an agent does not administer the site");
    })
    .await;
}
