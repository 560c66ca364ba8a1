//! Repository pages as a whole, rendered from views made here.

use super::*;

fn head() -> Head {
    Head {
        owner: "ada".into(),
        name: "engine".into(),
        default_bookmark: "main".into(),
        ..Head::default()
    }
}

#[test]
fn addresses_keep_slashes_and_encode_what_would_mean_something_else() {
    let of = |name, path| address(&head(), Sight::Blob, name, path);
    assert_eq!(
        of("feature/x", "src/a b.rs"),
        "/ada/engine/blob/feature/x/src/a%20b.rs"
    );
    assert_eq!(
        of("a#b", "q?x&<>\".rs"),
        "/ada/engine/blob/a%23b/q%3Fx%26%3C%3E%22.rs"
    );
    assert_eq!(address(&head(), Sight::Tree, "main", ""), "/ada/engine/tree/main");
}

#[test]
fn every_switch_keeps_path_and_ref() {
    let spot = Spot {
        name: "feature/x".into(),
        commit: "0123456789abcdef".into(),
        path: "src/lib.rs".into(),
        bookmarks: vec!["main".into(), "feature/x".into()],
        tags: vec!["v1".into()],
        ..Spot::default()
    };
    for sight in [Sight::Blob, Sight::Blame, Sight::Commits] {
        let html = bar(&head(), &spot, sight, true).into_string();
        let word = sight.as_str();
        for link in [
            "/ada/engine/blob/feature/x/src/lib.rs".to_owned(),
            "/ada/engine/blame/feature/x/src/lib.rs".to_owned(),
            "/ada/engine/commits/feature/x/src/lib.rs".to_owned(),
            "/ada/engine/tree/feature/x/src".to_owned(),
            format!("/ada/engine/{word}/main/src/lib.rs"),
            format!("/ada/engine/{word}/v1/src/lib.rs"),
            format!("/ada/engine/{word}/0123456789abcdef/src/lib.rs"),
        ] {
            assert!(html.contains(&format!("href=\"{link}\"")), "no {link} in {html}");
        }
    }
}

/// Names of people, files and refs are text: GHSA-vgvf, GHSA-3qq3.
#[test]
fn names_are_text_ghsa_vgvf_3qq3() {
    const HOSTILE: &str = "\"><script>alert('x')</script>{{7*7}}";
    let spot = Spot {
        name: HOSTILE.into(),
        path: format!("{HOSTILE}/{HOSTILE}"),
        bookmarks: vec![HOSTILE.into()],
        tags: vec![HOSTILE.into()],
        ..Spot::default()
    };
    let change = Change {
        oid: "0".repeat(40),
        summary: HOSTILE.into(),
        author: HOSTILE.into(),
        when_ms: 0,
    };
    let folder = tree::Folder {
        entries: vec![tree::Entry {
            name: HOSTILE.into(),
            kind: tree::Kind::File,
            last: Some(change.clone()),
        }],
        last: Some(change),
        looking: false,
    };
    let html = bar(&head(), &spot, Sight::Tree, false).into_string()
        + &tree::table(&head(), &spot, &folder).into_string();
    assert!(
        !html.contains("<script") && html.contains("&lt;script&gt;"),
        "{html}"
    );
    assert!(html.contains("{{7*7}}"));
}

#[test]
fn a_comparison_without_anything_new_says_which_way_it_is_empty() {
    let between = |behind: &str| changes::Between {
        base: "main".into(),
        head: "side".into(),
        ahead: "0".into(),
        behind: behind.into(),
        items: Vec::new(),
        unrelated: false,
    };
    let frame = Frame {
        site: "Plue".into(),
        viewer: None,
        path: "/ada/engine/compare/main...side".into(),
        notice: None,
    };
    let page = |behind| changes::compare(&frame, &head(), &between(behind), &changes::Changes::default());
    assert!(page("0").contains("Both stand for the same commit."));
    assert!(page("3").contains("main has all that side has, and more."));
}
