//! A panic ends the request that it happens in, with an answer, and touches no other.

use plue_contract::{TokenId, Via};
use plue_gateway::limits::Preset;

use crate::origin::Origin;
use crate::{TOKEN, ada, settings};

#[test]
fn no_panic_harms_a_request_beside_it_or_what_an_object_remembers() {
    let origin = Origin::start();
    origin.token(TOKEN, ada(Via::Token(TokenId(1))));
    let edge = settings(&origin).fail_points().start().unwrap();
    let remaining = || -> u32 {
        let reply = edge.client().bearer(TOKEN).get("/api/repos").unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.header("ratelimit-remaining").unwrap().parse().unwrap()
    };
    let before = remaining();

    // Twenty good requests wait for the coordinator while twenty others panic around them.
    let client = edge.client().bearer(TOKEN);
    let (good, bad) = std::thread::scope(|scope| {
        let good: Vec<_> = (0..20)
            .map(|i| {
                let client = client.clone();
                scope.spawn(move || client.get(&format!("/api/repos?q=slow{i}")).unwrap())
            })
            .collect();
        std::thread::sleep(std::time::Duration::from_millis(300));
        let bad: Vec<_> = (0..20)
            .map(|_| {
                let client = client.clone();
                scope.spawn(move || {
                    let header = [("x-fail-point", "request")];
                    client.send("GET", "/api/repos", &header, b"").unwrap()
                })
            })
            .collect();
        let join = |threads: Vec<std::thread::ScopedJoinHandle<'_, _>>| -> Vec<plue_tests::http::Reply> {
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        };
        (join(good), join(bad))
    });
    for reply in &bad {
        assert_eq!(reply.status, 500);
        assert_eq!(reply.json().unwrap()["code"], "internal", "{}", reply.text());
        assert!(!reply.text().contains("fail point"), "{}", reply.text());
    }
    for reply in &good {
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    assert_eq!(remaining(), before - 41, "no take was lost");

    // An object that panics fails its caller, for whom the gateway has an answer, and serves the next.
    assert_eq!(
        Preset::Relaxed.name(),
        "relaxed",
        "the fail point goes by this name"
    );
    for _ in 0..3 {
        let page = edge.client().bearer(TOKEN).get("/").unwrap();
        assert_eq!(page.status, 200, "public pages stay open: {}", page.text());
        assert_eq!(page.header("ratelimit-remaining"), None);
    }
    assert_eq!(remaining(), before - 42);
    let errors = edge.process().errors();
    assert!(errors.contains("a Durable Object cannot be called"), "{errors}");
    edge.stop().unwrap();
}
