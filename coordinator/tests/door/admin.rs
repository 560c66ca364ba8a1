//! The administration socket, asked as the command line asks it.

use super::world::World;
use plue_coordinator::admin::{self, AdminError, Command, Reply};
use plue_coordinator::app::{self, AppError};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

async fn done(world: &World, command: Command) -> Value {
    match admin::ask(&world.data_dir(), &command).await.unwrap() {
        Reply::Done(value) => value,
        refused => panic!("{refused:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_makes_what_is_asked() {
    let world = World::new().await;
    world.account("chief", true).await;
    let name = || "ada".parse().unwrap();
    let not_running = admin::ask(&world.data_dir(), &Command::RepoList).await;
    assert!(
        matches!(not_running, Err(AdminError::NotRunning(_))),
        "{not_running:?}"
    );

    let listener = admin::listen(&world.data_dir()).unwrap();
    let mode = std::fs::metadata(world.data_dir().join(admin::SOCKET))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    tokio::spawn(admin::serve(listener, world.site.clone(), std::future::pending()));

    let user = done(
        &world,
        Command::UserCreate {
            name: name(),
            admin: false,
            password: None,
        },
    )
    .await;
    assert_eq!(user["name"], "ada");
    let link = user["sign_in"].as_str().unwrap();
    assert!(link.starts_with("http://plue.test/login?token="), "{link}");
    let again = Command::UserCreate {
        name: name(),
        admin: false,
        password: None,
    };
    let again = admin::ask(&world.data_dir(), &again).await.unwrap();
    assert!(
        matches!(&again, Reply::Refused { code, .. } if code == "conflict"),
        "{again:?}"
    );

    let create = Command::RepoCreate {
        path: "ada/engine".into(),
        visibility: "private".into(),
        description: String::new(),
        object_format: "sha256".into(),
    };
    let repository = done(&world, create).await;
    assert_eq!(repository["full_name"], "ada/engine");
    assert_eq!(repository["objectFormat"], "sha256");
    assert_eq!(repository["clone_url"], "http://plue.test/ada/engine.git");

    let token = Command::TokenCreate {
        agent: None,
        user: name(),
        name: "ci".into(),
        scopes: "repo:read".parse().unwrap(),
        repositories: vec!["ada/engine".into()],
        lifetime_ms: Some(60_000),
    };
    let token = done(&world, token).await;
    let secret = token["token"].as_str().unwrap();
    assert_eq!(
        world.get("/api/ada/engine", Some(secret)).await.status.as_u16(),
        200
    );

    let list = done(&world, Command::RepoList).await;
    assert_eq!(
        (&list["count"], &list["repositories"][0]["full_name"]),
        (&1.into(), &"ada/engine".into())
    );

    done(
        &world,
        Command::UserDisable {
            name: name(),
            disabled: true,
        },
    )
    .await;
    assert_eq!(
        world.get("/api/ada/engine", Some(secret)).await.status.as_u16(),
        401
    );
    done(
        &world,
        Command::UserDisable {
            name: name(),
            disabled: false,
        },
    )
    .await;
    assert_eq!(
        world.get("/api/ada/engine", Some(secret)).await.status.as_u16(),
        200
    );
}

#[tokio::test]
async fn a_data_folder_has_one_server_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("data");
    let held = app::hold(&data_dir).unwrap();
    let mode = std::fs::metadata(&data_dir).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert!(matches!(app::hold(&data_dir), Err(AppError::InUse(_))));
    drop(held);
    app::hold(&data_dir).unwrap();
}
