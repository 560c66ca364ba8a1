//! Issues: who may do what to them, how they are numbered, found and sorted, and what their history
//! says.

use super::faults::fail_each_statement;
use super::organisations::{repository, word};
use super::*;
use plue_contract::{CommentId, LabelId, MilestoneId, RepoPath, Scope};
use plue_forge::access::issues::{TakePart, TriageRepo, take_part, triage};
use plue_forge::access::repositories::{ReadRepo, administer, read};
use plue_forge::collaborators;
use plue_forge::issues::change::{PersonRef, change, change_many};
use plue_forge::issues::labels::{self, LabelChange, LabelRef};
use plue_forge::issues::list::{Part, Query, list};
use plue_forge::issues::milestones::{self, MilestoneChange};
use plue_forge::issues::relations::{self, Kind};
use plue_forge::issues::search::Search;
use plue_forge::issues::{self, Issue, IssueChange, NewIssue, Reason, State, comments, events, reactions};
use plue_forge::repositories::Visibility;
use plue_forge::roles::Role;
use std::collections::BTreeSet;

pub(super) struct Desk<'a> {
    house: &'a House,
    path: RepoPath,
}

impl Desk<'_> {
    pub(super) fn path(&self) -> RepoPath {
        self.path.clone()
    }

    pub(super) async fn read(&self, caller: &Caller) -> Permit<ReadRepo> {
        read(&self.house.forge, caller, &self.path, NOW)
            .await
            .expect("a permit")
    }

    pub(super) async fn part(&self, caller: &Caller) -> Result<Permit<TakePart>, Error> {
        take_part(&self.house.forge, caller, &self.path, NOW).await
    }

    pub(super) async fn sort(&self, caller: &Caller) -> Result<Permit<TriageRepo>, Error> {
        triage(&self.house.forge, caller, &self.path, NOW).await
    }

    pub(super) async fn open(&self, caller: &Caller, title: &str) -> Result<Issue, Error> {
        let new = NewIssue {
            title: title.into(),
            ..NewIssue::default()
        };
        issues::create(&self.house.forge, self.part(caller).await?, new, NOW).await
    }

    pub(super) async fn change(
        &self,
        caller: &Caller,
        number: i64,
        wanted: IssueChange,
    ) -> Result<Issue, Error> {
        change(&self.house.forge, self.part(caller).await?, number, wanted, NOW).await
    }

    pub(super) async fn say(&self, caller: &Caller, number: i64, body: &str) -> Result<CommentId, Error> {
        let permit = self.part(caller).await?;
        let said = comments::add(&self.house.forge, permit, number, body, NOW).await;
        said.map(|comment| comment.id)
    }

    async fn label(&self, caller: &Caller, called: &str) -> Result<LabelId, Error> {
        let new = LabelChange {
            name: Some(called.into()),
            ..LabelChange::default()
        };
        let made = labels::create(&self.house.forge, self.sort(caller).await?, new, NOW).await;
        made.map(|label| label.id)
    }

    async fn milestone(&self, caller: &Caller, title: &str) -> Result<MilestoneId, Error> {
        let new = MilestoneChange {
            title: Some(title.into()),
            ..MilestoneChange::default()
        };
        let made = milestones::create(&self.house.forge, self.sort(caller).await?, new, NOW).await;
        made.map(|milestone| milestone.id)
    }

    async fn part_of(&self, caller: &Caller, text: &str, after: Option<(i64, i64)>, limit: i64) -> Part {
        let query = Query {
            search: Search::parse(text, Some("ada")),
            after,
            offset: 0,
            limit,
        };
        list(&self.house.forge, self.read(caller).await, &query)
            .await
            .expect("a part")
    }

    async fn numbers(&self, caller: &Caller, text: &str) -> Vec<i64> {
        let part = self.part_of(caller, text, None, 100).await;
        assert_eq!(
            part.total,
            i64::try_from(part.issues.len()).expect("few"),
            "{text}"
        );
        part.issues.iter().map(|issue| issue.number).collect()
    }

    pub(super) async fn history(&self, caller: &Caller, number: i64) -> Vec<String> {
        let permit = self.read(caller).await;
        let found = events::history(&self.house.forge, permit, number, 0, 100, NOW).await;
        found
            .expect("a history")
            .into_iter()
            .map(|event| event.kind)
            .collect()
    }
}

fn labelled(name: &str) -> IssueChange {
    IssueChange {
        add_labels: vec![name.into()],
        ..IssueChange::default()
    }
}

/// A house with ada's repositories `engine`, and `secret` that grace may triage and mary may read.
pub(super) async fn desks(house: &House) -> (Caller, Caller, Caller, Caller) {
    let mut callers = Vec::new();
    for name in ["ada", "grace", "mary", "eve"] {
        let account = house.account(name).await;
        callers.push(house.signed_in(&account).await);
    }
    let [ada, grace, mary, eve] = callers.try_into().expect("four");
    repository(house, &ada, "ada/engine", Visibility::Public)
        .await
        .expect("a repository");
    repository(house, &ada, "ada/secret", Visibility::Private)
        .await
        .expect("a repository");
    for path in ["ada/engine", "ada/secret"] {
        for (who, role) in [("grace", Role::Triage), ("mary", Role::Read)] {
            let path: RepoPath = path.parse().expect("a path");
            let permit = administer(&house.forge, &ada, &path, NOW)
                .await
                .expect("a permit");
            collaborators::put(&house.forge, permit, &name(who), role, NOW)
                .await
                .expect("a role");
        }
    }
    (ada, grace, mary, eve)
}

pub(super) fn desk<'a>(house: &'a House, path: &str) -> Desk<'a> {
    Desk {
        house,
        path: path.parse().expect("a path"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_have_no_gaps_whoever_opens_meanwhile() {
    in_both_houses(async |house| {
        let (ada, grace, mary, _) = desks(&house).await;
        let (house, desk) = (&house, &desk(&house, "ada/secret"));
        let callers = [&ada, &grace, &mary];
        let opening = (0..24).map(|n| {
            let caller = callers[n % 3];
            async move {
                // Every fourth has a label that is not there, and takes no number.
                let new = NewIssue {
                    title: format!("The {n}th"),
                    body: String::new(),
                    with: match n % 4 {
                        3 if n % 3 != 2 => labelled("none"),
                        _ => IssueChange::default(),
                    },
                    ..NewIssue::default()
                };
                issues::create(&house.forge, desk.part(caller).await?, new, NOW).await
            }
        });
        let opened = futures_util::future::join_all(opening).await;
        let numbers: BTreeSet<i64> = opened.iter().flatten().map(|issue| issue.number).collect();
        let made = opened.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(made, 20);
        assert_eq!(numbers, (1..=20).collect());
        assert!(
            opened
                .iter()
                .flatten()
                .all(|issue| issue.title.starts_with("The "))
        );
        let counts = issues::counts(&house.forge, desk.read(&ada).await)
            .await
            .expect("counts");
        assert_eq!(counts, (20, 0));
        // One that is removed leaves its number to nobody.
        let permit = administer(&house.forge, &ada, &desk.path, NOW)
            .await
            .expect("a permit");
        issues::delete(&house.forge, permit, 20, NOW)
            .await
            .expect("removed");
        assert_eq!(desk.open(&ada, "Another").await.expect("one").number, 21);
        let counts = issues::counts(&house.forge, desk.read(&ada).await)
            .await
            .expect("counts");
        assert_eq!(counts, (20, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_take_part_and_those_who_triage_sort() {
    in_both_houses(async |house| {
        let (ada, grace, mary, eve) = desks(&house).await;
        let desk = desk(&house, "ada/secret");
        desk.label(&ada, "Bug").await.expect("a label");
        let v1 = desk.milestone(&ada, "v1").await.expect("a milestone");
        let issue = desk
            .open(&mary, "  It breaks ")
            .await
            .expect("readers open issues");
        assert_eq!(
            (issue.number, issue.title.as_str(), issue.author.name.as_str()),
            (1, "It breaks", "mary")
        );
        let said = desk.say(&mary, 1, "Here too\r\n").await.expect("readers comment");

        // What an author may, and nobody else who only reads.
        let title = |text: &str| IssueChange {
            title: Some(text.into()),
            ..IssueChange::default()
        };
        let closed = IssueChange::state(State::Closed, Some(Reason::NotPlanned));
        assert_eq!(
            desk.change(&mary, 1, title("It broke"))
                .await
                .expect("her own")
                .title,
            "It broke"
        );
        let after = desk.change(&mary, 1, closed.clone()).await.expect("her own");
        assert_eq!(
            (after.state, after.reason),
            (State::Closed, Some(Reason::NotPlanned))
        );
        assert_eq!(after.closed_by.as_deref(), Some("mary"));
        let reopened = desk.change(&mary, 1, IssueChange::state(State::Open, None)).await;
        assert_eq!(reopened.expect("her own").state, State::Open);
        desk.open(&ada, "Another one").await.expect("one");
        assert_eq!(word(desk.change(&mary, 2, title("x")).await), "forbidden");
        assert_eq!(word(desk.change(&mary, 2, closed).await), "forbidden");
        let ours = desk.say(&ada, 1, "Seen").await.expect("a comment");
        let edit = async |caller, id| {
            comments::edit(&house.forge, desk.part(caller).await?, (1, id), "Edited", NOW).await
        };
        assert_eq!(word(edit(&mary, ours).await), "forbidden");
        assert!(edit(&mary, said).await.expect("her own").edited);
        assert!(edit(&grace, ours).await.is_ok(), "who triages may");

        // What takes somebody who triages.
        for wanted in [
            labelled("bug"),
            IssueChange {
                add_assignees: vec![PersonRef::Name(name("mary"))],
                ..IssueChange::default()
            },
            IssueChange {
                milestone: Some(Some(v1)),
                ..IssueChange::default()
            },
            IssueChange {
                due_at_ms: Some(Some(NOW)),
                ..IssueChange::default()
            },
            IssueChange {
                pinned: Some(true),
                ..IssueChange::default()
            },
            IssueChange {
                locked: Some(true),
                ..IssueChange::default()
            },
        ] {
            let (theirs, ours) = (
                desk.change(&mary, 1, wanted.clone()).await,
                desk.change(&grace, 1, wanted.clone()).await,
            );
            assert_eq!(word(theirs), "forbidden", "{wanted:?}");
            let once = ours.expect("who triages may");
            let twice = desk.change(&grace, 1, wanted).await.expect("again");
            assert_eq!(once, twice, "a repeat changes nothing");
        }
        assert_eq!(word(desk.sort(&mary).await), "forbidden");
        let history = [
            "opened",
            "title_changed",
            "closed",
            "reopened",
            "label_added",
            "assignee_added",
            "milestone_added",
            "due_date_changed",
            "pinned",
            "locked",
        ];
        assert_eq!(desk.history(&mary, 1).await, history);

        // Locked: its author may not even change what she said.
        assert_eq!(word(desk.say(&mary, 1, "More").await), "forbidden");
        assert_eq!(word(edit(&mary, said).await), "forbidden");
        assert_eq!(word(desk.change(&mary, 1, title("y")).await), "forbidden");
        let react =
            async |caller| reactions::add(&house.forge, desk.part(caller).await?, (1, None), "👍", NOW).await;
        assert_eq!(word(react(&mary).await), "forbidden");
        assert!(desk.say(&grace, 1, "More").await.is_ok() && react(&grace).await.is_ok());

        // Who may not see it, and who says nothing at all.
        for (caller, expected) in [(&eve, "not found"), (&Caller::anonymous(None, "t"), "not found")] {
            assert_eq!(word(desk.part(caller).await), expected);
            assert_eq!(word(read(&house.forge, caller, &desk.path, NOW).await), expected);
        }
        let open = super::issues::desk(&house, "ada/engine");
        assert!(
            open.open(&eve, "From outside").await.is_ok(),
            "everybody takes part in what is public"
        );
        assert_eq!(word(open.part(&Caller::anonymous(None, "t")).await), "sign in");
        let Who::Account {
            id, name, admin, via, ..
        } = eve.who.clone()
        else {
            panic!("eve is somebody");
        };
        let who = Who::Account {
            id,
            name,
            admin,
            via,
            scopes: Scopes::of([Scope::RepoRead]),
            repositories: None,
        };
        let reads = Caller { who, ..eve.clone() };
        assert_eq!(
            word(open.part(&reads).await),
            "scope",
            "what only reads writes nothing"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_sorted_and_read_part_by_part() {
    in_both_houses(async |house| {
        let (ada, grace, mary, _) = desks(&house).await;
        let desk = desk(&house, "ada/secret");
        for called in ["bug", "help wanted"] {
            desk.label(&ada, called).await.expect("a label");
        }
        let v1 = desk.milestone(&ada, "v1").await.expect("a milestone");
        for n in 1..=30 {
            let caller = [&ada, &grace, &mary][n % 3];
            let title = if n % 10 == 0 {
                "A crash_ of 100%"
            } else {
                "Something"
            };
            desk.open(caller, title).await.expect("an issue");
        }
        let many = async |numbers: &[i64], wanted: IssueChange| {
            let permit = desk.part(&grace).await.expect("a permit");
            change_many(&house.forge, permit, numbers, wanted, NOW + 5).await
        };
        many(&[1, 2, 3], labelled("bug")).await.expect("labelled");
        many(&[3, 4], labelled("Help Wanted")).await.expect("labelled");
        let wanted = IssueChange {
            milestone: Some(Some(v1)),
            add_assignees: vec![PersonRef::Name(name("grace"))],
            ..IssueChange::default()
        };
        many(&[5, 6], wanted).await.expect("changed");
        many(&[6, 7], IssueChange::state(State::Closed, None))
            .await
            .expect("closed");
        // All or none.
        assert_eq!(word(many(&[1, 999], labelled("help wanted")).await), "not found");
        desk.say(&mary, 9, "One").await.expect("a comment");
        desk.say(&mary, 8, "One").await.expect("a comment");
        desk.say(&mary, 8, "Two").await.expect("a comment");

        let all: Vec<i64> = (1..=30).rev().collect();
        for (text, expected) in [
            ("label:bug", vec![3, 2, 1]),
            ("label:\"help wanted\"", vec![4, 3]),
            ("label:bug label:\"help wanted\"", vec![3]),
            ("label:bug -label:\"HELP WANTED\"", vec![2, 1]),
            ("label:nothing", vec![]),
            ("is:closed", vec![7, 6]),
            ("is:open milestone:V1", vec![5]),
            ("has:milestone", vec![6, 5]),
            ("assignee:grace", vec![6, 5]),
            ("is:closed no:assignee", vec![7]),
            ("author:@me label:bug", vec![3]),
            ("author:nobody", vec![]),
            ("crash_", vec![30, 20, 10]),
            ("100%", vec![30, 20, 10]),
            ("crash-", vec![]),
            ("CRASH sort:created-asc", vec![10, 20, 30]),
        ] {
            assert_eq!(desk.numbers(&ada, text).await, expected, "{text}");
        }
        assert_eq!(desk.numbers(&ada, "").await, all);
        assert_eq!(desk.numbers(&ada, "is:open -author:ada").await.len(), 20 - 1);
        assert_eq!(desk.numbers(&ada, "sort:comments").await[..3], [8, 9, 30]);
        assert_eq!(
            desk.numbers(&ada, "sort:updated").await[..7],
            [7, 6, 5, 4, 3, 2, 1]
        );

        // Part by part, in each order, nothing twice and nothing left out.
        for order in [
            "created-desc",
            "created-asc",
            "updated-desc",
            "updated-asc",
            "comments-desc",
            "comments-asc",
        ] {
            let text = format!("is:open sort:{order}");
            let whole = desk.numbers(&ada, &text).await;
            let (mut after, mut read) = (None, Vec::new());
            loop {
                let part = desk.part_of(&ada, &text, after, 7).await;
                assert_eq!((part.total, part.counts), (28, (28, 2)));
                read.extend(part.issues.iter().map(|issue| issue.number));
                after = part.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(read, whole, "{order}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_each_other_is_refused() {
    in_both_houses(async |house| {
        let (ada, ..) = desks(&house).await;
        let desk = desk(&house, "ada/secret");
        for n in 1..=5 {
            desk.open(&ada, &format!("The {n}th")).await.expect("one");
        }
        let relate = async |number, kind, other| {
            let permit = desk.sort(&ada).await?;
            relations::relate(&house.forge, permit, number, kind, other, NOW).await
        };
        let seen = |relations: Vec<relations::Relation>| -> Vec<(Kind, i64)> {
            relations.iter().map(|one| (one.kind, one.number)).collect()
        };
        assert_eq!(
            seen(relate(1, Kind::Blocks, 2).await.expect("1 → 2")),
            [(Kind::Blocks, 2)]
        );
        assert_eq!(
            seen(relate(3, Kind::BlockedBy, 2).await.expect("2 → 3")),
            [(Kind::BlockedBy, 2)]
        );
        for (number, kind, other) in [
            (3, Kind::Blocks, 1),
            (1, Kind::BlockedBy, 3),
            (2, Kind::Blocks, 1),
        ] {
            assert_eq!(
                word(relate(number, kind, other).await),
                "conflict",
                "{number} {kind:?} {other}"
            );
        }
        assert_eq!(word(relate(1, Kind::Blocks, 1).await), "invalid");
        assert_eq!(word(relate(1, Kind::Blocks, 99).await), "not found");
        // Related is related from both sides, and once.
        relate(5, Kind::RelatesTo, 4).await.expect("related");
        assert_eq!(
            seen(relate(4, Kind::RelatesTo, 5).await.expect("again")),
            [(Kind::RelatesTo, 5)]
        );
        assert_eq!(desk.history(&ada, 4).await, ["opened"]);
        assert_eq!(desk.history(&ada, 5).await, ["opened", "relation_added"]);
        let of = async |number| relations::list(&house.forge, desk.read(&ada).await, number).await;
        assert_eq!(
            seen(of(2).await.expect("two")),
            [(Kind::Blocks, 3), (Kind::BlockedBy, 1)]
        );
        // Two at once that would make a circle: one of them is.
        let permits = [
            desk.sort(&ada).await.expect("one"),
            desk.sort(&ada).await.expect("two"),
        ];
        let [one, two] = permits;
        let (one, two) = tokio::join!(
            relations::relate(&house.forge, one, 3, Kind::Blocks, 4, NOW),
            relations::relate(&house.forge, two, 4, Kind::Blocks, 1, NOW)
        );
        assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1);
        // Ended, and ended again.
        for _ in 0..2 {
            let permit = desk.sort(&ada).await.expect("a permit");
            let left = relations::unrelate(&house.forge, permit, 2, &[Kind::BlockedBy], 1, NOW).await;
            assert_eq!(seen(left.expect("ended")), [(Kind::Blocks, 3)]);
        }
    })
    .await;
}

/// GHSA-cv22-72px-f4gh, GHSA-jj5m-h57j-5gv7: ids of labels, milestones and comments of elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn ids_of_another_repository_name_nothing() {
    in_both_houses(async |house| {
        let (ada, _, _, eve) = desks(&house).await;
        let (own, other) = (desk(&house, "ada/engine"), desk(&house, "ada/secret"));
        own.open(&eve, "Hers").await.expect("one");
        other.open(&ada, "Secret").await.expect("one");
        other.open(&ada, "Secret too").await.expect("one");
        let label = other.label(&ada, "hidden").await.expect("a label");
        let milestone = other.milestone(&ada, "hidden").await.expect("a milestone");
        let said = other.say(&ada, 1, "Secret").await.expect("a comment");
        let forge = &house.forge;
        assert_eq!(word(own.change(&ada, 1, labelled("hidden")).await), "invalid");
        let off = IssueChange {
            remove_labels: vec![LabelRef::Id(label)],
            ..IssueChange::default()
        };
        assert_eq!(word(own.change(&ada, 1, off).await), "not found");
        let into = IssueChange {
            milestone: Some(Some(milestone)),
            ..IssueChange::default()
        };
        assert_eq!(word(own.change(&ada, 1, into).await), "invalid");
        assert_eq!(
            word(milestones::get(forge, own.read(&ada).await, milestone).await),
            "not found"
        );
        for (desk, number) in [(&own, 1), (&other, 2)] {
            let part = async || desk.part(&ada).await.expect("a permit");
            let which = (number, said);
            assert_eq!(
                word(comments::edit(forge, part().await, which, "x", NOW).await),
                "not found"
            );
            assert_eq!(
                word(comments::delete(forge, part().await, which, NOW).await),
                "not found"
            );
            let to = (number, Some(said));
            assert_eq!(
                word(reactions::add(forge, part().await, to, "👍", NOW).await),
                "not found"
            );
            assert_eq!(
                word(reactions::list(forge, desk.read(&ada).await, to).await),
                "not found"
            );
        }
        // Nobody is given what they may not see, nor an organisation anything.
        let to = |who: &str| IssueChange {
            add_assignees: vec![PersonRef::Name(name(who))],
            ..IssueChange::default()
        };
        assert_eq!(word(other.change(&ada, 1, to("eve")).await), "invalid");
        assert!(own.change(&ada, 1, to("eve")).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_verb_of_issues_is_ever_half_done() {
    in_both_houses(async |house| {
        let (ada, ..) = desks(&house).await;
        let desk = &desk(&house, "ada/secret");
        let forge = &house.forge;
        desk.label(&ada, "bug").await.expect("a label");
        desk.open(&ada, "The first").await.expect("one");
        let part = async || desk.part(&ada).await.expect("a permit");
        let sort = async || desk.sort(&ada).await.expect("a permit");
        let whole = |title: &str, n: i64| IssueChange {
            title: Some(format!("{title} {n}")),
            state: Some((State::Closed, None)),
            add_labels: vec!["bug".into()],
            add_assignees: vec![PersonRef::Name(name("mary"))],
            pinned: Some(true),
            ..IssueChange::default()
        };
        let create = async |permit| {
            let new = NewIssue {
                title: "Made".into(),
                body: "b".into(),
                with: labelled("bug"),
                ..NewIssue::default()
            };
            issues::create(forge, permit, new, NOW).await.map(drop)
        };
        fail_each_statement(&house, "issues::create", part, create).await;
        let run = async |permit| {
            change(forge, permit, 1, whole("Changed", 1), NOW + 1)
                .await
                .map(drop)
        };
        fail_each_statement(&house, "issues::change", part, run).await;
        let say = async |permit| comments::add(forge, permit, 1, "Said", NOW).await.map(drop);
        fail_each_statement(&house, "comments::add", part, say).await;
        let said = comments::list(forge, desk.read(&ada).await, 1, 0, 1)
            .await
            .expect("one")[0]
            .id;
        let edit = async |permit| {
            comments::edit(forge, permit, (1, said), "Edited", NOW)
                .await
                .map(drop)
        };
        fail_each_statement(&house, "comments::edit", part, edit).await;
        let react = async |permit| {
            reactions::add(forge, permit, (1, Some(said)), "👍", NOW)
                .await
                .map(drop)
        };
        fail_each_statement(&house, "reactions::add", part, react).await;
        let react = async |permit| reactions::remove(forge, permit, (1, Some(said)), "👍", NOW).await;
        fail_each_statement(&house, "reactions::remove", part, react).await;
        let delete = async |permit| comments::delete(forge, permit, (1, said), NOW).await;
        fail_each_statement(&house, "comments::delete", part, delete).await;
        let relate = async |permit| {
            relations::relate(forge, permit, 1, Kind::Blocks, 2, NOW)
                .await
                .map(drop)
        };
        fail_each_statement(&house, "relations::relate", sort, relate).await;
        let new = || MilestoneChange {
            title: Some("v1".into()),
            ..MilestoneChange::default()
        };
        let make = async |permit| milestones::create(forge, permit, new(), NOW).await.map(drop);
        fail_each_statement(&house, "milestones::create", sort, make).await;
        let id = milestones::list(forge, desk.read(&ada).await, None)
            .await
            .expect("one")[0]
            .id;
        let close = || MilestoneChange {
            state: Some(State::Closed),
            ..MilestoneChange::default()
        };
        let update = async |permit| {
            milestones::update(forge, permit, id, close(), NOW)
                .await
                .map(drop)
        };
        fail_each_statement(&house, "milestones::update", sort, update).await;
        let delete = async |permit| milestones::delete(forge, permit, id, NOW).await;
        fail_each_statement(&house, "milestones::delete", sort, delete).await;
        let new = || LabelChange {
            name: Some("other".into()),
            ..LabelChange::default()
        };
        let make = async |permit| labels::create(forge, permit, new(), NOW).await.map(drop);
        fail_each_statement(&house, "labels::create", sort, make).await;
        let named = || LabelRef::Name("other".into());
        let red = || LabelChange {
            color: Some("#ff0000".into()),
            ..LabelChange::default()
        };
        let update = async |permit| labels::update(forge, permit, named(), red(), NOW).await.map(drop);
        fail_each_statement(&house, "labels::update", sort, update).await;
        let delete = async |permit| labels::delete(forge, permit, named(), NOW).await;
        fail_each_statement(&house, "labels::delete", sort, delete).await;
        let admin = async || administer(forge, &ada, &desk.path, NOW).await.expect("a permit");
        let delete = async |permit| issues::delete(forge, permit, 1, NOW).await;
        fail_each_statement(&house, "issues::delete", admin, delete).await;
    })
    .await;
}
