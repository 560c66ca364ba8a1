//! What a commit holds: all files, languages, indents, archives and files of any size.

use crate::support::{Place, command, person};
use crate::world::{self, FORMATS, reader, with_history};
use plue_git::ObjectFormat;
use plue_git::browse::{self, ArchiveFormat, Indent};
use std::io::Read;

#[tokio::test(flavor = "multi_thread")]
async fn all_files_are_listed_as_git_lists_them() {
    for format in FORMATS {
        let place = with_history(format, 91, 30).await;
        let reader = reader(&place);
        for &commit in world::commits(&place).iter().step_by(6) {
            let listed = command(
                &place.work(),
                &["ls-tree", "-r", "-z", "--name-only", &commit.to_string()],
            )
            .output()
            .unwrap();
            let gits: Vec<String> = listed
                .stdout
                .split(|&b| b == 0)
                .filter(|name| !name.is_empty())
                .map(|name| String::from_utf8_lossy(name).into_owned())
                .collect();
            let ours = browse::files(&reader, commit, 1000, 1 << 20).await.unwrap();
            assert_eq!((ours.paths, ours.is_cut), (gits.clone(), false));
            if gits.len() > 1 {
                let cut = browse::files(&reader, commit, 1, 1 << 20).await.unwrap();
                assert_eq!((cut.paths.len(), cut.is_cut), (1, true));
                let cut = browse::files(&reader, commit, 1000, 0).await.unwrap();
                assert!(cut.is_cut);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_are_the_ones_that_git_packs() {
    for format in FORMATS {
        let mut place = with_history(format, 92, 30).await;
        person(&place.work(), &["checkout", "-q", "-f", "main"]);
        place.commit(".gitattributes", "secret export-ignore\nstamp export-subst\n");
        place.commit("secret", "x\n");
        place.commit("stamp", "$Format:%H$\n");
        world::take_all(&mut place).await;
        let reader = reader(&place);
        let tip = place.oid("main");
        for kind in [ArchiveFormat::TarGz, ArchiveFormat::Zip] {
            let ours = browse::archive(&reader, tip, kind, "engine-main").await.unwrap();
            let ours = read_all(ours).await;
            let out = command(
                &place.work(),
                &[
                    "archive",
                    &format!("--format={}", kind.extension()),
                    "--prefix=engine-main/",
                    &tip.to_string(),
                ],
            )
            .output()
            .unwrap();
            assert_eq!(ours.len(), out.stdout.len());
            assert!(ours == out.stdout, "{kind:?}");
            if kind == ArchiveFormat::TarGz {
                let mut tar = vec![];
                flate2::read::GzDecoder::new(&ours[..])
                    .read_to_end(&mut tar)
                    .unwrap();
                let text = String::from_utf8_lossy(&tar).into_owned();
                assert!(text.contains(&tip.to_string()) && !text.contains("engine-main/secret"));
            }
        }
        assert!(
            browse::archive(&reader, place.oid("main:stamp"), ArchiveFormat::Zip, "x")
                .await
                .is_err()
        );
    }
}

async fn read_all(mut raw: browse::Raw) -> Vec<u8> {
    let mut content = vec![];
    tokio::io::AsyncReadExt::read_to_end(&mut raw, &mut content)
        .await
        .unwrap();
    content
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_any_size_is_streamed() {
    for format in FORMATS {
        let mut place = Place::new(format).await;
        place.commit("small", "hello\n");
        // 100 MB that compress well, for the sake of the disk.
        let large = vec![b'x'; 100_000_000];
        std::fs::write(place.work().join("large"), &large).unwrap();
        place.commit("empty", "");
        world::take_all(&mut place).await;
        let reader = reader(&place);
        let tip = place.oid("main");
        for (path, expected) in [("small", &b"hello\n"[..]), ("empty", b""), ("large", &large)] {
            let raw = browse::raw(&reader, tip, path).await.unwrap();
            assert_eq!(raw.size_bytes, Some(expected.len() as u64));
            assert!(read_all(raw).await == expected, "{path}");
        }
        // One that nobody reads to its end leaves nothing running.
        let mut raw = browse::raw(&reader, tip, "large").await.unwrap();
        let mut some = [0; 100];
        tokio::io::AsyncReadExt::read_exact(&mut raw, &mut some)
            .await
            .unwrap();
        drop(raw);
        for none in ["nope", "../small", "-p"] {
            assert!(browse::raw(&reader, tip, none).await.is_err(), "{none}");
        }
        let limit = browse::blob(&reader, tip, "large", 10 << 20).await;
        assert!(matches!(limit, Err(browse::BrowseError::TooLarge { .. })));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn languages_are_weighed() {
    for format in FORMATS {
        let mut place = Place::new(format).await;
        for (name, content) in [
            ("src/main.rs", "x".repeat(500)),
            ("tool.py", "x".repeat(100)),
            ("README.md", "x".repeat(9000)),
            ("vendor/big.c", "x".repeat(9000)),
            ("own/vendor.c", "x".repeat(30)),
            ("out.min.js", "x".repeat(9000)),
            ("strange.xyz", "x".repeat(70)),
            ("hidden.go", "x".repeat(9000)),
            ("notes/shown.md", "x".repeat(20)),
            (".gitattributes", "*.xyz linguist-language=Rust\nhidden.go linguist-generated\nnotes/* linguist-detectable\nhello.odd linguist-language=Klingon\n".into()),
            ("hello.odd", "x".repeat(10)),
        ] {
            let path = place.work().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let tip = place.commit("last.txt", "x");
        world::take_all(&mut place).await;
        let reader = reader(&place);
        let told = browse::languages(&reader, tip, 1000).await.unwrap();
        let shares: Vec<(&str, u64)> = told
            .shares
            .iter()
            .map(|share| (share.name.as_str(), share.bytes))
            .collect();
        assert_eq!(
            shares,
            [
                ("Rust", 570),
                ("Python", 100),
                ("C", 30),
                ("Markdown", 20),
                ("Klingon", 10)
            ]
        );
        assert!(told.is_complete);
        assert!(!browse::languages(&reader, tip, 2).await.unwrap().is_complete);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tabs_are_as_wide_as_editorconfig_says() {
    let mut place = Place::new(ObjectFormat::Sha1).await;
    for (name, content) in [
        (
            ".editorconfig",
            "root = true\n[*]\nindent_style = space\nindent_size = 2\n[Makefile]\nindent_style = tab\ntab_width = 8\n[*.{c,h}]\nindent_size = 4\n",
        ),
        (
            "sub/.editorconfig",
            "[*.c]\nindent_style = tab\nindent_size = 3\n",
        ),
        (
            "wild/.editorconfig",
            "[****************************]\nindent_size = 7\n",
        ),
        (
            "zero/.editorconfig",
            "root=true\n[*]\ntab_width = 0\n[*.x]\ntab_width = 1000000\n",
        ),
        ("binary/.editorconfig", "\u{0}\u{1}["),
    ] {
        let path = place.work().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let tip = place.commit("last", "x");
    world::take_all(&mut place).await;
    let reader = reader(&place);
    let spaces = |width| Indent {
        tab_width: Some(width),
        with_tabs: Some(false),
    };
    let tabs = |width| Indent {
        tab_width: Some(width),
        with_tabs: Some(true),
    };
    for (path, expected) in [
        ("a", spaces(2)),
        ("Makefile", tabs(8)),
        ("x/y.c", spaces(4)),
        ("sub/x.c", tabs(3)),
        ("sub/deep/x.c", tabs(3)),
        ("sub/x.h", spaces(4)),
        ("wild/a", spaces(2)),
        ("zero/a", Indent::default()),
        ("zero/a.x", Indent::default()),
        ("binary/a", spaces(2)),
    ] {
        assert_eq!(
            browse::indent(&reader, tip, path).await.unwrap(),
            expected,
            "{path}"
        );
    }
    assert!(browse::indent(&reader, tip, "../x").await.is_err());
}
