//! Writes every page that this room has by itself, with made-up content, into a folder, beside the
//! files that they name: for whoever changes how things look, without a server.
//!
//!     cargo run -p plue-pages --example gallery -- target/gallery

#![allow(clippy::unwrap_used, reason = "whoever runs it reads what went wrong")]

use plue_pages::create::{self, Create};
use plue_pages::explore::{self, Explore, Found, Search};
use plue_pages::forms::Wrong;
use plue_pages::home::{self, Home};
use plue_pages::person::{self, Person};
use plue_pages::repo::Head;
use plue_pages::repositories::{Entry, Listing, Order};
use plue_pages::repository_settings::{self, Access, Collaborator, Form, General};
use plue_pages::settings::keys::{self, Key, Keys};
use plue_pages::settings::profile::{self, Password, Profile};
use plue_pages::settings::sessions::{self, Session};
use plue_pages::settings::tokens::{self, Token, Tokens};
use plue_pages::sign_in::{self, SignIn};
use plue_pages::{Frame, Notice, Viewer, assets};
use std::fs;
use std::path::PathBuf;

const DAY_MS: i64 = 86_400_000;
const NOW_MS: i64 = 1_795_000_000_000;

fn frame(viewer: bool, notice: Option<Notice>) -> Frame {
    Frame {
        site: "Plue".into(),
        viewer: viewer.then(|| Viewer {
            name: "ada".into(),
            csrf: "token".into(),
        }),
        path: "/somewhere".into(),
        notice,
    }
}

fn entry(owner: &str, name: &str, description: &str, days: i64) -> Entry {
    Entry {
        owner: owner.into(),
        name: name.into(),
        description: description.into(),
        visibility: if name.contains("notes") {
            "private"
        } else {
            "public"
        },
        archived: name.contains("old"),
        pushed_at_ms: (days > 0).then_some(NOW_MS - days * DAY_MS),
        created_at_ms: NOW_MS - 400 * DAY_MS,
    }
}

fn listing(path: &str, total: i64) -> Listing {
    let entries = [
        entry(
            "ada",
            "engine",
            "An engine that computes tables of numbers by the method of differences, with its cards.",
            1,
        ),
        entry("ada", "notes", "Notes on the engine. Not for everybody.", 3),
        entry("grace", "compiler", "", 12),
        entry("linus", "old-kernel", "The first one, kept to look at.", 300),
        entry(
            "ada",
            "a-repository-with-quite-a-long-name-that-has-to-be-broken-somewhere-on-a-telephone",
            "Long.",
            0,
        ),
    ];
    Listing {
        path: path.into(),
        text: String::new(),
        order: Order::Updated,
        part: 1,
        limit: 30,
        total,
        topic: String::new(),
        of_one: path == "/ada",
        entries: if total == 0 { Vec::new() } else { entries.into() },
    }
}

fn head() -> Head {
    Head {
        owner: "ada".into(),
        name: "engine".into(),
        default_bookmark: "main".into(),
        administers: true,
        ..Head::default()
    }
}

fn key(id: i64, name: &str, used: Option<i64>) -> Key {
    Key {
        id,
        name: name.into(),
        kind: "ssh-ed25519".into(),
        fingerprint: "SHA256:uNiVztksCsDhcc0u9e8BrFXfuBTJ2K1G4V4G2xk1D8Y".into(),
        note: "",
        created_at_ms: NOW_MS - 90 * DAY_MS,
        last_used_at_ms: used,
    }
}

fn wrong(field: &str, text: &str) -> Option<Wrong> {
    Some(Wrong {
        field: (!field.is_empty()).then(|| field.to_owned()),
        text: text.into(),
    })
}

fn pages() -> Vec<(&'static str, String)> {
    let (anybody, ada) = (frame(false, None), frame(true, None));
    let viewer = ada.viewer.clone().unwrap();
    let done = |text: &str| frame(true, Some(Notice::Done(text.into())));
    let home = |total, push| Home {
        repositories: listing("/", total),
        push,
    };
    let general = |archived, wrong| General {
        description: "An engine that computes tables.".into(),
        default_bookmark: "main".into(),
        visibility: "public".to_owned(),
        archived,
        size_bytes: 123_456_789,
        topics: "engines version-control".into(),
        new_name: "engine".into(),
        new_owner: String::new(),
        confirm: String::new(),
        wrong,
    };
    let mut made = Tokens::of(
        vec![
            Token {
                agent: None,
                id: 1,
                name: "laptop".into(),
                last_eight: "0a1b2c3d".into(),
                scopes: vec!["repo"],
                repositories: None,
                created_at_ms: NOW_MS - 10 * DAY_MS,
                expires_at_ms: Some(NOW_MS + 80 * DAY_MS),
                last_used_at_ms: Some(NOW_MS - DAY_MS),
            },
            Token {
                agent: None,
                id: 2,
                name: "backup".into(),
                last_eight: "deadbeef".into(),
                scopes: vec!["repo:read"],
                repositories: Some(vec![Some("ada/engine".into()), None]),
                created_at_ms: NOW_MS - 200 * DAY_MS,
                expires_at_ms: None,
                last_used_at_ms: None,
            },
        ],
        true,
    );
    made.made = Some(format!("plt_{}", "0123456789abcdef".repeat(4)));
    let session = |id: &str, agent: &str, current| Session {
        id: id.into(),
        address: Some("192.0.2.1".into()),
        user_agent: Some(agent.into()),
        created_at_ms: NOW_MS - 3 * DAY_MS,
        expires_at_ms: NOW_MS + 27 * DAY_MS,
        current,
    };
    let search = |text: &str, found| Search {
        text: text.into(),
        found,
    };
    let found = explore::Person {
        name: "ada".into(),
        display_name: "Ada Lovelace".into(),
        bio: "Writes programs for engines that are not there yet.".into(),
        repositories: 3,
    };
    vec![
        ("home", home::page(&anybody, &home(5, Vec::new()))),
        ("home-empty", home::page(&anybody, &home(0, Vec::new()))),
        ("home-signed-in", home::page(&ada, &home(100, Vec::new()))),
        (
            "home-first",
            home::page(
                &done("Signed in."),
                &home(
                    0,
                    vec![
                        "git remote add origin https://plue.example/ada/NAME.git".into(),
                        "git push -u origin main".into(),
                    ],
                ),
            ),
        ),
        (
            "explore",
            explore::page(
                &anybody,
                &Explore {
                    repositories: listing("/explore", 100),
                },
            ),
        ),
        (
            "search",
            explore::search(
                &ada,
                &search("engine", Found::Repositories(listing("/search", 5))),
            ),
        ),
        (
            "search-people",
            explore::search(&anybody, &search("ad", Found::People(Some(vec![found])))),
        ),
        (
            "search-nothing",
            explore::search(
                &anybody,
                &search("zzz", Found::Repositories(listing("/search", 0))),
            ),
        ),
        (
            "search-empty",
            explore::search(&anybody, &search("", Found::Nothing)),
        ),
        (
            "person",
            person::page(
                &ada,
                &Person {
                    organisations: Vec::new(),
                    name: "ada".into(),
                    display_name: "Ada Lovelace".into(),
                    bio: "Writes programs for engines that are not there yet.\nLondon.".into(),
                    created_at_ms: NOW_MS - 700 * DAY_MS,
                    repositories: listing("/ada", 5),
                },
            ),
        ),
        ("sign-in", sign_in::page(&anybody, &SignIn::default())),
        (
            "sign-in-wrong",
            sign_in::page(
                &anybody,
                &SignIn {
                    name: "ada".into(),
                    to: "/ada/engine".into(),
                    wrong: Some("This name and password do not belong together.".into()),
                    ..SignIn::default()
                },
            ),
        ),
        (
            "sign-in-once",
            sign_in::page(
                &anybody,
                &SignIn {
                    token: Some("t".into()),
                    ..SignIn::default()
                },
            ),
        ),
        (
            "new",
            create::page(
                &ada,
                &viewer,
                &Create {
                    owners: vec!["ada".to_owned(), "weavers".to_owned()],
                    owner: "ada".to_owned(),
                    name: String::new(),
                    description: String::new(),
                    visibility: "public".to_owned(),
                    default_bookmark: "main".into(),
                    object_format: "sha1".into(),
                    wrong: None,
                },
            ),
        ),
        (
            "new-wrong",
            create::page(
                &ada,
                &viewer,
                &Create {
                    owners: vec!["ada".to_owned(), "weavers".to_owned()],
                    owner: "ada".to_owned(),
                    name: "engine".into(),
                    description: "It computes.".into(),
                    visibility: "private".to_owned(),
                    default_bookmark: "ma in".into(),
                    object_format: "sha256".into(),
                    wrong: wrong(
                        "name",
                        "The owner has a repository of this name already; please choose another name.",
                    ),
                },
            ),
        ),
        (
            "profile",
            profile::page(&done("Your profile is saved."), &viewer, &Profile::default()),
        ),
        (
            "password",
            profile::password(
                &ada,
                &viewer,
                &Password {
                    is_set: true,
                    wrong: wrong("current", "This is not your present password."),
                },
            ),
        ),
        (
            "keys",
            keys::page(
                &ada,
                &viewer,
                &Keys {
                    keys: vec![key(1, "laptop", Some(NOW_MS)), key(2, "desk", None)],
                    ..Keys::default()
                },
            ),
        ),
        (
            "keys-empty",
            keys::page(
                &ada,
                &viewer,
                &Keys {
                    wrong: wrong("publicKey", "This is no public key of OpenSSH."),
                    public_key: "ssh-rsa nonsense".into(),
                    ..Keys::default()
                },
            ),
        ),
        ("tokens", tokens::page(&ada, &viewer, &made)),
        (
            "tokens-empty",
            tokens::page(&ada, &viewer, &Tokens::of(Vec::new(), false)),
        ),
        (
            "sessions",
            sessions::page(
                &ada,
                &viewer,
                &[
                    session(
                        "a",
                        "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36",
                        true,
                    ),
                    session("b", "Mozilla/5.0 (iPhone) Version/18.0 Safari/604.1", false),
                ],
            ),
        ),
        (
            "repository-settings",
            repository_settings::general(&ada, &viewer, &head(), &general(false, None)),
        ),
        (
            "repository-settings-archived",
            repository_settings::general(&ada, &viewer, &head(), &general(true, None)),
        ),
        (
            "repository-settings-wrong",
            repository_settings::general(
                &ada,
                &viewer,
                &head(),
                &general(
                    false,
                    wrong("confirm", "Type ada/engine to delete it.").map(|wrong| (Form::Delete, wrong)),
                ),
            ),
        ),
        (
            "repository-access",
            repository_settings::access(
                &ada,
                &viewer,
                &head(),
                &Access {
                    collaborators: vec![
                        Collaborator {
                            name: "grace".into(),
                            role: "write",
                            created_at_ms: NOW_MS,
                        },
                        Collaborator {
                            name: "linus".into(),
                            role: "read",
                            created_at_ms: NOW_MS,
                        },
                    ],
                    ..Access::default()
                },
            ),
        ),
        (
            "repository-keys",
            repository_settings::deploy_keys(
                &ada,
                &viewer,
                &head(),
                &Keys {
                    keys: vec![key(1, "ci", None)],
                    ..Keys::default()
                },
                false,
            ),
        ),
    ]
}

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("the folder to write into"));
    fs::create_dir_all(folder.join("assets")).unwrap();
    for asset in assets::all() {
        fs::write(folder.join("assets").join(&asset.name), asset.bytes).unwrap();
    }
    for (name, html) in pages() {
        fs::write(folder.join(format!("{name}.html")), html).unwrap();
    }
}
