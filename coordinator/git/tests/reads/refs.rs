//! Lists of bookmarks and tags, in pages, with how far each is from the default one.

use crate::support::person;
use crate::world::{self, FORMATS, reader, with_history};
use plue_git::browse::{self, RefKind, RefQuery};

#[tokio::test(flavor = "multi_thread")]
async fn bookmarks_and_tags_are_listed_in_pages() {
    for format in FORMATS {
        let mut place = with_history(format, 81, 40).await;
        let work = place.work();
        person(&work, &["tag", "-a", "-m", "The\nnote\n", "v1", "main~2"]);
        person(&work, &["tag", "-a", "-m", "of a tag", "v2", "v1"]);
        person(&work, &["tag", "light", "b1"]);
        person(&work, &["tag", "of-tree", "main^{tree}"]);
        person(&work, &["branch", "feature/one", "b2"]);
        world::take_all(&mut place).await;
        let reader = reader(&place);
        let query = RefQuery {
            kind: RefKind::Bookmark,
            containing: None,
            after: None,
            limit: 2,
            max_steps: 100_000,
        };
        let mut items = vec![];
        let mut after = None;
        loop {
            let page = browse::refs(
                &reader,
                RefQuery {
                    after,
                    ..query.clone()
                },
            )
            .await
            .unwrap();
            assert_eq!(page.total, 6);
            items.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let names: Vec<&str> = items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["b0", "b1", "b2", "b3", "feature/one", "main"]);
        for item in &items {
            assert_eq!(item.target, place.oid(&item.name));
            assert_eq!(item.is_default, item.name == "main");
            assert_eq!(item.commit.as_ref().unwrap().oid, item.target);
            let counts = person(
                &work,
                &[
                    "rev-list",
                    "--left-right",
                    "--count",
                    &format!("main...{}", item.name),
                ],
            );
            let far = item.divergence.unwrap();
            assert_eq!(
                format!("{}\t{}", far.behind.count, far.ahead.count),
                counts,
                "{}",
                item.name
            );
        }
        let some = RefQuery {
            containing: Some("ONE".into()),
            ..query.clone()
        };
        let page = browse::refs(&reader, some).await.unwrap();
        assert_eq!((page.total, page.items.len(), page.next), (1, 1, None));
        let tags = RefQuery {
            kind: RefKind::Tag,
            limit: 100,
            ..query
        };
        let page = browse::refs(&reader, tags).await.unwrap();
        let names: Vec<&str> = page.items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["light", "of-tree", "v1", "v2"]);
        let [light, of_tree, v1, v2] = &page.items[..] else {
            panic!("four")
        };
        assert!(light.note.is_none() && light.commit.is_some() && of_tree.commit.is_none());
        let note = v1.note.as_ref().unwrap();
        assert_eq!(
            (note.message.as_str(), note.tagger.as_ref().unwrap().name.as_str()),
            ("The\nnote\n", "Ada")
        );
        assert_eq!(v2.commit.as_ref().unwrap().oid, place.oid("main~2"));
        // The names alone, the default bookmark first and the tags from the last.
        let few = browse::ref_names(&reader, 2).await.unwrap();
        assert_eq!((few.bookmarks[0].as_str(), few.bookmarks.len()), ("main", 2));
        assert_eq!((few.tags, few.tags_total), (vec!["v2".into(), "v1".into()], 4));
        let all = browse::ref_names(&reader, 100).await.unwrap();
        assert_eq!(all.bookmarks.len(), few.bookmarks_total);
        assert_eq!(all.bookmarks.iter().filter(|name| *name == "main").count(), 1);
        // A ref and a path in one text.
        let located = async |text: &str| {
            let found = browse::locate(&reader, text).await.ok()?;
            Some((found.name, found.commit, found.path))
        };
        let (main, feature) = (place.oid("main"), place.oid("b2"));
        assert_eq!(
            located("main/dir/a").await,
            Some(("main".into(), main, "dir/a".into()))
        );
        assert_eq!(
            located("feature/one/x").await,
            Some(("feature/one".into(), feature, "x".into()))
        );
        assert_eq!(
            located("v2").await,
            Some(("v2".into(), place.oid("main~2"), String::new()))
        );
        assert_eq!(
            located(&format!("{main}/a/")).await,
            Some((main.to_string(), main, "a".into()))
        );
        for none in ["feature", "nope/x", "", "of-tree/x", "HEAD"] {
            assert_eq!(located(none).await, None, "{none}");
        }
    }
}
