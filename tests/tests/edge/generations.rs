//! After a change was answered, no edge shows what was before: the real worker in front of the
//! real coordinator, which tell each other, or cannot.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use plue_tests::edge::{self, Edge};
use plue_tests::git::Home;
use plue_tests::http::{Client, Reply};
use plue_tests::serve::{self, Plue};
use serde_json::json;

/// How many pushes follow each other; `PLUE_SOAK_PUSHES=1000` for the long run.
fn pushes() -> usize {
    let told = std::env::var("PLUE_SOAK_PUSHES").ok();
    told.map_or(12, |told| told.parse().expect("PLUE_SOAK_PUSHES is a number"))
}

const REF: &str = "/api/ada/engine/refs/main";
const PAGE: &str = "/ada/engine/commits";
const RATES: &str = "api=1000000/1s, relaxed=1000000/1s, git=1000000/1s";
const COORDINATOR_RATES: &str = "api=1000000/1s,relaxed=1000000/1s,git=1000000/1s";

struct Site {
    plue: Plue,
    edge: Edge,
    home: Home,
    /// Ada's, for the coordinator itself.
    owner: Client,
}

/// A free port, for a server that has to be known before it starts.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A site whose coordinator tells the edge at `told`, or the edge itself.
fn site(told: Option<SocketAddr>) -> Site {
    site_with(told, |settings| settings)
}

/// The same with a coordinator that is told more.
fn site_with(told: Option<SocketAddr>, more: impl FnOnce(serve::Settings) -> serve::Settings) -> Site {
    let address = free();
    let plue = more(serve::Settings::new().unwrap())
        .env("EDGE_URL", format!("http://{}", told.unwrap_or(address)))
        .env("PLUE_LIMITS", COORDINATOR_RATES)
        .start()
        .unwrap();
    let edge = edge::Settings::new(plue.http())
        .unwrap()
        .secrets_of(&plue.data())
        .unwrap()
        .var("RATE_LIMITS", RATES)
        .listen(address)
        .start()
        .unwrap();
    let (home, token) = plue.newcomer("ada").unwrap();
    let owner = plue.client().bearer(&token);
    Site {
        plue,
        edge,
        home,
        owner,
    }
}

impl Site {
    /// A public repository with one commit, and its work tree.
    fn published(&self, name: &str) -> std::path::PathBuf {
        let new = json!({"name": name, "isPrivate": false});
        let made = self.owner.json("POST", "/api/repos", &new).unwrap();
        assert_eq!(made.status, 201, "{}", made.text());
        self.publish(name, false);
        let work = self.home.small_repository(&format!("{name}-work")).unwrap();
        let url = self.plue.url(&format!("ada/{name}"));
        self.home.git(&work, &["remote", "add", "origin", &url]).unwrap();
        self.home
            .git(&work, &["push", "-q", "origin", "HEAD:refs/heads/main"])
            .unwrap();
        work
    }

    fn publish(&self, name: &str, private: bool) {
        let change = json!({"isPrivate": private});
        let changed = self
            .owner
            .json("PATCH", &format!("/api/ada/{name}"), &change)
            .unwrap();
        assert_eq!(changed.status, 200, "{}", changed.text());
    }

    fn read(&self, target: &str) -> Reply {
        self.edge.client().get(target).unwrap()
    }

    /// How many changes ended with an acknowledgement, and how many with the end of the leases.
    fn ended(&self) -> (u64, u64) {
        let figures = self.plue.client().get("/metrics").unwrap().text();
        let of = |how: &str| {
            let line = figures
                .lines()
                .find(|line| line.starts_with("plue_edge_leases_ended_total") && line.contains(how));
            line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
        };
        (of("acknowledged"), of("expired"))
    }

    fn stop(self) {
        self.edge.stop().unwrap();
        self.plue.stop().unwrap();
    }
}

/// Pushes one commit after the other, each followed by a read of somebody else, while others read
/// all the time. Answers how many reads were answered from the cache.
fn push_and_read(site: &Site, work: &std::path::Path, rounds: usize) -> usize {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let (client, over) = (site.edge.client(), &over);
                scope.spawn(move || {
                    let mut hits = 0;
                    while !over.load(Ordering::Relaxed) {
                        let reply = client.get(REF).unwrap();
                        assert_eq!(reply.status, 200, "{}", reply.text());
                        hits += usize::from(reply.header("x-cache") == Some("HIT"));
                    }
                    hits
                })
            })
            .collect();
        let pushed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for round in 0..rounds {
                let message = format!("round {round}");
                site.home
                    .git(work, &["commit", "-q", "--allow-empty", "-m", &message])
                    .unwrap();
                let tip = site.home.git(work, &["rev-parse", "HEAD"]).unwrap();
                site.home
                    .git(work, &["push", "-q", "origin", "HEAD:refs/heads/main"])
                    .unwrap();
                let reply = site.read(REF);
                assert_eq!(reply.status, 200, "{}", reply.text());
                assert_eq!(
                    reply.json().unwrap()["commit"].as_str(),
                    Some(tip.trim()),
                    "round {round}: {:?}",
                    reply.headers
                );
            }
        }));
        over.store(true, Ordering::Relaxed);
        let hits = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
        if let Err(failed) = pushed {
            std::panic::resume_unwind(failed);
        }
        hits
    })
}

#[test]
fn a_push_is_seen_through_the_edge_as_soon_as_it_is_answered() {
    let site = site(None);
    let work = site.published("engine");
    let rounds = pushes();
    let hits = push_and_read(&site, &work, rounds);
    assert!(hits > 0, "nothing was ever read from the cache");
    let (acknowledged, expired) = site.ended();
    println!(
        "{rounds} pushes: {acknowledged} acknowledged, {expired} waited for; {hits} reads from the cache"
    );
    assert!(acknowledged > 0, "no push ever met a lease");
    site.stop();
}

#[test]
fn with_notices_cut_off_a_push_waits_for_the_leases() {
    let site = site(Some(free()));
    let work = site.published("engine");
    let hits = push_and_read(&site, &work, 3);
    assert!(hits > 0, "nothing was ever read from the cache");
    let (acknowledged, expired) = site.ended();
    assert_eq!(acknowledged, 0);
    assert!(expired > 0, "no push ever met a lease");
    site.stop();
}

#[test]
fn what_is_hidden_renamed_or_made_anew_never_shows_what_was_there() {
    let site = site(None);
    site.published("engine");
    let tip = |reply: &Reply| reply.json().unwrap()["commit"].as_str().map(str::to_owned);
    let first = tip(&site.read(REF)).unwrap();
    let object = format!("/api/ada/engine/tree/{first}");
    let shown = |target: &str| {
        // Twice: made, and kept.
        for _ in 0..2 {
            assert_eq!(site.read(target).status, 200, "{target}");
        }
    };
    let hidden = |target: &str| {
        let reply = site.read(target);
        assert_eq!(
            reply.status,
            404,
            "{target}: {:?} {}",
            reply.headers,
            reply.text()
        );
    };
    for _ in 0..3 {
        shown(REF);
        shown(&object);
        site.publish("engine", true);
        hidden(REF);
        hidden(&object);
        site.publish("engine", false);
        shown(REF);
    }

    // What is said of it is as current as what is in it.
    shown("/api/ada/engine");
    let described = json!({"description": "a new one"});
    let changed = site.owner.json("PATCH", "/api/ada/engine", &described).unwrap();
    assert_eq!(changed.status, 200, "{}", changed.text());
    let now = site.read("/api/ada/engine").text();
    assert!(now.contains("\"a new one\""), "{now}");

    // Renamed, its former name leads to it, until another repository takes that.
    let renamed = site
        .owner
        .json("PATCH", "/api/ada/engine", &json!({"name": "motor"}))
        .unwrap();
    assert_eq!(renamed.status, 200, "{}", renamed.text());
    shown("/api/ada/motor/refs/main");
    assert_eq!(tip(&site.read(REF)), Some(first.clone()));
    shown(REF);
    let new = json!({"name": "engine", "isPrivate": false});
    assert_eq!(site.owner.json("POST", "/api/repos", &new).unwrap().status, 201);
    hidden(REF);
    hidden(&object);

    // Deleted, and made again under its name.
    shown("/api/ada/motor/refs/main");
    let gone = site.owner.send("DELETE", "/api/ada/motor", &[], b"").unwrap();
    assert!(gone.status < 300, "{}", gone.text());
    hidden("/api/ada/motor/refs/main");
    hidden(&object);

    // Restored, it is what it was; given to somebody else, it is found where it went.
    let deleted = site.plue.admin(&["repo", "deleted"]).unwrap();
    let id = deleted["repositories"][0]["id"].to_string();
    site.plue
        .admin(&["repo", "restore", id.trim_matches('"')])
        .unwrap();
    shown("/api/ada/motor/refs/main");
    assert_eq!(tip(&site.read("/api/ada/motor/refs/main")), Some(first.clone()));
    site.plue.admin(&["user", "create", "bob"]).unwrap();
    site.plue.admin(&["user", "create", "grace", "--admin"]).unwrap();
    let grace = site.plue.token("grace", "repo,user,admin").unwrap();
    let given = |from: &str, to: &str| {
        let target = format!("/api/{from}/motor/transfer");
        let admin = site.plue.client().bearer(&grace);
        let reply = admin.json("POST", &target, &json!({"owner": to})).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
    };
    given("ada", "bob");
    shown("/api/bob/motor/refs/main");
    // Its former address leads on, and does not show what the edge had under it.
    let former = site.read("/api/ada/motor/refs/main");
    assert_eq!(tip(&site.read("/api/bob/motor/refs/main")), Some(first.clone()));
    assert_ne!(former.header("x-cache"), Some("STALE"));
    given("bob", "ada");
    shown("/api/ada/motor/refs/main");
    let gone = site.owner.send("DELETE", "/api/ada/motor", &[], b"").unwrap();
    assert!(gone.status < 300, "{}", gone.text());
    hidden("/api/ada/motor/refs/main");
    let again = json!({"name": "motor", "isPrivate": false});
    assert_eq!(site.owner.json("POST", "/api/repos", &again).unwrap().status, 201);
    hidden("/api/ada/motor/refs/main");
    hidden(&format!("/api/ada/motor/tree/{first}"));
    site.stop();
}

#[test]
fn what_is_purged_leaves_nothing_behind_and_its_name_is_anybodys() {
    let site = site_with(None, |settings| settings.env("PLUE_RESTORE_GRACE", "2"));
    site.published("engine");
    let tip = |reply: Reply| reply.json().unwrap()["commit"].as_str().map(str::to_owned);
    let first = tip(site.read(REF)).unwrap();
    let object = format!("/api/ada/engine/tree/{first}");
    // Asked all the time, so that the edge holds a lease whenever something changes.
    let statuses = || [REF, &object].map(|target| site.read(target).status);
    for _ in 0..2 {
        assert_eq!(statuses(), [200; 2]);
    }
    let gone = site.owner.send("DELETE", "/api/ada/engine", &[], b"").unwrap();
    assert!(gone.status < 300, "{}", gone.text());
    let began = Instant::now();
    loop {
        assert_eq!(statuses(), [404; 2]);
        let deleted = site.plue.admin(&["repo", "deleted"]).unwrap();
        if deleted["repositories"] == json!([]) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "it is never purged");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(statuses(), [404; 2]);
    let new = json!({"name": "engine", "isPrivate": false});
    assert_eq!(site.owner.json("POST", "/api/repos", &new).unwrap().status, 201);
    assert_eq!(statuses(), [404; 2]);
    let work = site.home.small_repository("another").unwrap();
    site.home
        .git(&work, &["commit", "-q", "--allow-empty", "-m", "Begin anew"])
        .unwrap();
    let url = site.plue.url("ada/engine");
    site.home
        .git(&work, &["push", "-q", &url, "HEAD:refs/heads/main"])
        .unwrap();
    let second = site.home.git(&work, &["rev-parse", "HEAD"]).unwrap();
    assert_ne!(first, second);
    for _ in 0..2 {
        assert_eq!(tip(site.read(REF)).as_ref(), Some(&second));
    }
    site.stop();
}

#[test]
fn with_the_coordinator_stopped_what_was_seen_is_shown_as_stale_unless_it_was_hidden() {
    let site = site(None);
    site.published("engine");
    site.published("secret");
    for target in [REF, "/api/ada/engine/commits", "/api/ada/secret/refs/main"] {
        for _ in 0..2 {
            assert_eq!(site.read(target).status, 200, "{target}");
        }
    }
    // A page that is not complete yet is not kept.
    let began = Instant::now();
    while site.read(PAGE).header("x-cache") != Some("HIT") {
        assert!(began.elapsed() < Duration::from_secs(60), "{PAGE} is never kept");
        std::thread::sleep(Duration::from_millis(100));
    }
    site.publish("secret", true);
    let Site { plue, edge, .. } = site;
    plue.kill().unwrap();
    let read = |target: &str| edge.client().get(target).unwrap();
    // For as long as its lease runs, what the edge has is current.
    let began = Instant::now();
    while read(REF).header("x-cache") == Some("HIT") {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "a lease without an end"
        );
    }
    for target in [REF, "/api/ada/engine/commits"] {
        let stale = read(target);
        assert_eq!(
            (stale.status, stale.header("x-cache")),
            (200, Some("STALE")),
            "{target}"
        );
    }
    let page = read(PAGE);
    assert_eq!((page.status, page.header("x-cache")), (200, Some("STALE")));
    assert_eq!(
        page.text().matches("<p class=\"stale\" role=\"status\">").count(),
        1
    );
    for target in ["/api/ada/secret/refs/main", "/api/ada/engine/refs/other"] {
        let refused = read(target);
        assert_eq!(refused.status, 503, "{target}: {}", refused.text());
        assert!(refused.header("retry-after").is_some());
    }
    let health = read("/health").json().unwrap();
    assert_eq!(health["status"], "degraded");
    assert_eq!(health["edge"]["status"], "ok");
    assert_eq!(health["coordinator"]["reachable"], false);
    edge.stop().unwrap();
}
