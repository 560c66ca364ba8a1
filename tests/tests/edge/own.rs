//! What the worker answers by itself: its health, its figures, and notices in the seed's words.

use plue_contract::RepoId;
use plue_contract::edge::Stamp;
use serde_json::{Value, json};

use crate::origin::Origin;
use crate::{settings, start};

const REF: &str = "/api/ada/engine/refs/main";

#[test]
fn its_figures_are_for_the_key_and_the_listed_addresses() {
    let origin = Origin::start();
    let edge = settings(&origin)
        .secret("METRICS_API_KEY", "a key for figures")
        .start()
        .unwrap();
    edge.client().get("/api/repos").unwrap();
    assert_eq!(edge.client().get("/metrics").unwrap().status, 404);
    assert_eq!(
        edge.client().bearer("another").get("/metrics").unwrap().status,
        404
    );
    let figures = edge.client().bearer("a key for figures").get("/metrics").unwrap();
    assert_eq!(figures.status, 200);
    let text = figures.text();
    assert!(
        text.contains("plue_edge_requests_total{class=\"api\",status=\"200\"} 1"),
        "{text}"
    );
    edge.stop().unwrap();

    let edge = settings(&origin)
        .var("METRICS_ALLOWED_IPS", "127.0.0.0/8")
        .start()
        .unwrap();
    assert_eq!(edge.client().get("/metrics").unwrap().status, 200);
    edge.stop().unwrap();
    let edge = start(&origin);
    assert_eq!(
        edge.client().get("/metrics").unwrap().status,
        404,
        "nobody is let in by default"
    );
    edge.stop().unwrap();
    assert!(origin.seen().iter().all(|seen| seen.target != "/metrics"));
}

#[test]
fn notices_in_both_spellings_let_go_of_a_lease() {
    let origin = Origin::start();
    let stamp = |generation| Stamp {
        repository: RepoId(7),
        restore_epoch: 0,
        access_epoch: 0,
        generation,
        edition: 1,
    };
    origin.repository("ada/engine", stamp(1));
    let edge = settings(&origin)
        .secret("EDGE_PUSH_SECRET", "pushed")
        .start()
        .unwrap();
    let generation = || edge.client().get(REF).unwrap().json().unwrap()["generation"].as_i64();
    let tell = |secret: &str, scope: &str, body: &Value| {
        let client = edge.client().bearer(secret);
        client
            .json("POST", &format!("/do/{scope}/invalidate"), body)
            .unwrap()
            .status
    };
    // Read twice, so that the second read holds a lease.
    assert_eq!([generation(), generation()], [Some(1), Some(1)]);
    let spellings = [
        json!({"type": "git", "timestamp": 1_700_000_000, "repo_key": "ada/engine", "merkle_root": "0f"}),
        json!({"type": "git", "timestamp": 1_700_000_000_000_u64, "repoKey": "ada/engine", "merkleRoot": "0f"}),
    ];
    for (number, body) in (2..).zip(&spellings) {
        origin.repository("ada/engine", stamp(number));
        assert_eq!(tell("pushed", "repo:ada/engine", body), 204);
        assert_eq!(generation(), Some(number));
        assert_eq!(generation(), Some(number));
    }
    assert_eq!(
        tell(
            "pushed",
            "global",
            &json!({"type": "sql", "timestamp": 1, "table": "issues"})
        ),
        204
    );
    assert_eq!(tell("wrong", "repo:ada/engine", &spellings[0]), 401);
    assert_eq!(tell("pushed", "repo:ada", &spellings[0]), 404);
    assert_eq!(tell("pushed", "repo:ada/engine", &json!({"type": "git"})), 400);
    edge.stop().unwrap();

    let edge = start(&origin);
    let client = edge.client().bearer("pushed");
    let refused = client
        .json("POST", "/do/global/invalidate", &spellings[0])
        .unwrap();
    assert_eq!(refused.status, 404, "without a secret there is no such address");
    edge.stop().unwrap();
}
