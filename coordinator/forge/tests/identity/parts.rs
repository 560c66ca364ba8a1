//! Issues that are parts of others, and issues that say the same as others.

use super::faults::fail_each_statement;
use super::issues::{Desk, desk, desks};
use super::organisations::word;
use super::*;
use plue_forge::issues::parts::{self, Parts};
use plue_forge::issues::relations::{self, Kind};
use plue_forge::issues::{self, Reason, State};

async fn put(
    house: &House,
    desk: &Desk<'_>,
    caller: &Caller,
    number: i64,
    whole: Option<i64>,
) -> Result<Parts, Error> {
    let permit = desk.sort(caller).await?;
    parts::put(&house.forge, permit, number, whole, NOW).await
}

/// The number of what an issue is a part of, and those of its parts.
async fn seen(house: &House, desk: &Desk<'_>, caller: &Caller, number: i64) -> (Option<i64>, Vec<i64>) {
    let permit = desk.read(caller).await;
    let found = parts::get(&house.forge, permit, number).await.expect("parts");
    let parts = found.parts.iter().map(|part| part.number).collect();
    (found.whole.map(|whole| whole.number), parts)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_is_a_part_of_one_and_of_itself_never() {
    in_both_houses(async |house| {
        let (ada, grace, mary, _) = desks(&house).await;
        let (house, desk) = (&house, &desk(&house, "ada/secret"));
        for title in ["one", "two", "three", "four"] {
            desk.open(&mary, title).await.expect("an issue");
        }
        for _ in 0..2 {
            put(house, desk, &grace, 2, Some(1)).await.expect("a part");
        }
        put(house, desk, &grace, 3, Some(2))
            .await
            .expect("a part of a part");
        put(house, desk, &grace, 4, Some(1)).await.expect("another part");
        assert_eq!(seen(house, desk, &mary, 1).await, (None, vec![2, 4]));
        assert_eq!(seen(house, desk, &mary, 2).await, (Some(1), vec![3]));
        for (number, whole, said) in [
            (1, 1, "conflict"),
            (1, 2, "conflict"),
            (1, 3, "conflict"),
            (2, 3, "conflict"),
            (2, 99, "invalid"),
            (99, 1, "not found"),
        ] {
            let refused = put(house, desk, &grace, number, Some(whole)).await;
            assert_eq!(word(refused), said, "#{number} of #{whole}");
        }
        assert_eq!(word(put(house, desk, &mary, 2, None).await), "forbidden");

        // From one to another, and to none.
        put(house, desk, &grace, 2, Some(4)).await.expect("another whole");
        assert_eq!(seen(house, desk, &mary, 1).await, (None, vec![4]));
        assert_eq!(seen(house, desk, &mary, 4).await, (Some(1), vec![2]));
        for _ in 0..2 {
            put(house, desk, &grace, 2, None).await.expect("of none");
        }
        assert_eq!(seen(house, desk, &mary, 2).await, (None, vec![3]));
        let told = [
            "opened",
            "parent_added",
            "sub_issue_added",
            "parent_removed",
            "parent_added",
            "parent_removed",
        ];
        assert_eq!(desk.history(&mary, 2).await, told);
        let told = [
            "opened",
            "sub_issue_added",
            "sub_issue_added",
            "sub_issue_removed",
        ];
        assert_eq!(desk.history(&mary, 1).await, told);
        // What an issue was a part of may go.
        let permit = plue_forge::access::repositories::administer(&house.forge, &ada, &desk.path(), NOW)
            .await
            .expect("a permit");
        issues::delete(&house.forge, permit, 1, NOW)
            .await
            .expect("removed");
        assert_eq!(seen(house, desk, &mary, 4).await, (None, vec![]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_have_an_order_and_say_how_far_they_are() {
    in_both_houses(async |house| {
        let (_, grace, mary, _) = desks(&house).await;
        let (house, desk) = (&house, &desk(&house, "ada/secret"));
        for title in ["one", "two", "three", "four"] {
            desk.open(&mary, title).await.expect("an issue");
        }
        for number in [2, 3, 4] {
            put(house, desk, &grace, number, Some(1)).await.expect("a part");
        }
        let order = async |numbers: &[i64]| {
            let permit = desk.sort(&grace).await?;
            parts::order(&house.forge, permit, 1, numbers, NOW).await
        };
        order(&[4, 2, 3]).await.expect("an order");
        assert_eq!(seen(house, desk, &mary, 1).await.1, [4, 2, 3]);
        for bad in [&[4, 2][..], &[4, 2, 3, 3], &[4, 2, 1], &[]] {
            assert_eq!(word(order(bad).await), "invalid", "{bad:?}");
        }
        let closed = issues::IssueChange::state(State::Closed, None);
        desk.change(&grace, 2, closed).await.expect("closed");
        let found = parts::get(&house.forge, desk.read(&mary).await, 1)
            .await
            .expect("parts");
        assert_eq!((found.done(), found.parts.len()), (1, 3));
        desk.open(&mary, "five").await.expect("an issue");
        put(house, desk, &grace, 5, Some(1)).await.expect("the last part");
        assert_eq!(seen(house, desk, &mary, 1).await.1, [4, 2, 3, 5]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_is_closed_and_says_of_which() {
    in_both_houses(async |house| {
        let (_, grace, mary, _) = desks(&house).await;
        let (house, desk) = (&house, &desk(&house, "ada/secret"));
        for title in ["one", "two", "three"] {
            desk.open(&mary, title).await.expect("an issue");
        }
        let close = async |number, of| {
            let permit = desk.sort(&grace).await?;
            relations::close_as_duplicate(&house.forge, permit, number, of, NOW).await
        };
        for _ in 0..2 {
            let after = close(2, 1).await.expect("closed");
            assert_eq!(
                (after.state, after.reason),
                (State::Closed, Some(Reason::Duplicate))
            );
        }
        assert_eq!(
            desk.history(&mary, 2).await,
            ["opened", "relation_added", "closed"]
        );
        close(3, 2).await.expect("closed");
        for (number, of, said) in [
            (1, 1, "invalid"),
            (1, 2, "conflict"),
            (1, 3, "conflict"),
            (1, 99, "not found"),
        ] {
            assert_eq!(word(close(number, of).await), said, "#{number} like #{of}");
        }
        let found = relations::list(&house.forge, desk.read(&mary).await, 2)
            .await
            .expect("relations");
        let found: Vec<_> = found.iter().map(|one| (one.kind, one.number)).collect();
        assert_eq!(found, [(Kind::Duplicates, 1), (Kind::DuplicatedBy, 3)]);
        let permit = desk.sort(&grace).await.expect("a permit");
        let left = relations::unrelate(&house.forge, permit, 2, &Kind::ALL, 1, NOW).await;
        assert_eq!(left.expect("relations").len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn none_of_it_is_ever_half_done() {
    in_both_houses(async |house| {
        let (_, grace, mary, _) = desks(&house).await;
        let (house, desk) = (&house, &desk(&house, "ada/secret"));
        let forge = &house.forge;
        for title in ["one", "two", "three"] {
            desk.open(&mary, title).await.expect("an issue");
        }
        let sort = async || desk.sort(&grace).await.expect("a permit");
        for (number, whole) in [(2, Some(1)), (3, Some(1)), (3, Some(2)), (3, None), (3, Some(1))] {
            let put = async |permit| parts::put(forge, permit, number, whole, NOW).await.map(drop);
            fail_each_statement(house, "parts::put", sort, put).await;
        }
        let order = async |permit| parts::order(forge, permit, 1, &[3, 2], NOW).await.map(drop);
        fail_each_statement(house, "parts::order", sort, order).await;
        let close = async |permit| {
            relations::close_as_duplicate(forge, permit, 2, 1, NOW)
                .await
                .map(drop)
        };
        fail_each_statement(house, "close_as_duplicate", sort, close).await;
    })
    .await;
}
