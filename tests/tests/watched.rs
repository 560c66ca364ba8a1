//! What the forge shows to those who watch it: its health, its figures, its log and its traces.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails where it stands")]

use plue_tests::push::{NONE, Push};
use plue_tests::serve::{Plue, Settings};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a job may be waited for: it runs half a minute after the push that asked for it.
const JOB: Duration = Duration::from_secs(120);

/// Waits until `find` finds something.
fn within<T>(time: Duration, what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(begun.elapsed() < time, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The value of the series of that name that has all these labels; none where there is no such.
fn figure(figures: &str, name: &str, labels: &[&str]) -> Option<f64> {
    figures
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .filter(|(series, _)| series.split('{').next() == Some(name))
        .find(|(series, _)| labels.iter().all(|label| series.contains(label)))
        .and_then(|(_, value)| value.parse().ok())
}

#[test]
fn health_has_the_promised_shape() {
    let plue = Plue::start().unwrap();
    let reply = plue.client().get("/health").unwrap();
    assert_eq!(reply.status, 200);
    let health = reply.json().unwrap();
    assert_eq!(health["status"], "ok", "{health}");
    assert!(health["version"].is_string(), "{health}");
    assert!(health["timestamp"].as_str().unwrap().ends_with('Z'), "{health}");
    assert_eq!(health["database"]["connected"], true, "{health}");
    assert!(health["database"]["latency"].is_u64(), "{health}");
    for feature in ["redis", "ai", "objectStorage", "vectorSearch"] {
        assert_eq!(health["features"][feature], false, "{feature}: {health}");
    }
    plue.stop().unwrap();
}

#[test]
fn every_promised_figure_is_there_after_a_push_and_a_clone() {
    let plue = Plue::start().unwrap();
    let (home, _) = plue.newcomer("ada").unwrap();
    let work = home.small_repository("work").unwrap();
    home.git(&work, &["push", "-q", &plue.url("ada/engine"), "main"])
        .unwrap();
    home.git(home.path(), &["clone", "-q", "ssh://plue/ada/engine", "clone"])
        .unwrap();
    let client = plue.client();
    let stranger = plue.client().bearer(&format!("plt_{}", "0".repeat(64)));
    assert_eq!(stranger.get("/api/auth/me").unwrap().status, 401);
    assert_eq!(client.get("/no/such/address/at/all").unwrap().status, 404);

    let figures = client.get("/metrics").unwrap();
    assert_eq!(figures.status, 200);
    let figures = figures.text();
    let least = |name: &str, labels: &[&str], least: f64| {
        let found = figure(&figures, name, labels);
        assert!(
            found.is_some_and(|found| found >= least),
            "{name} {labels:?} is {found:?}:\n{figures}"
        );
    };
    let push = ["service=\"git-receive-pack\"", "door=\"http\""];
    let clone = ["service=\"git-upload-pack\"", "door=\"ssh\""];
    let ok = "result=\"ok\"";
    least("plue_git_operations_total", &[push[0], push[1], ok], 1.0);
    least("plue_git_operations_total", &[clone[0], clone[1], ok], 1.0);
    least(
        "plue_git_bytes_total",
        &[push[0], push[1], "direction=\"in\""],
        1.0,
    );
    least(
        "plue_git_bytes_total",
        &[clone[0], clone[1], "direction=\"out\""],
        1.0,
    );
    least("plue_http_requests_total", &["status=\"200\""], 1.0);
    least("plue_http_request_seconds_count", &["class="], 1.0);
    least(
        "plue_http_errors_total",
        &["class=\"api\"", "code=\"unauthenticated\""],
        1.0,
    );
    least(
        "plue_http_errors_total",
        &["class=\"none\"", "code=\"not-found\""],
        1.0,
    );
    assert!(
        !figures.contains("class=\"refused\""),
        "a refusal is counted under the class of its route"
    );
    least("plue_sql_seconds_count", &["statement="], 1.0);
    least("plue_sessions_active", &[], 0.0);
    least("plue_sockets", &["kind=\"http\""], 1.0);
    least("plue_sockets", &["kind=\"ssh\""], 0.0);
    least("plue_sockets", &["kind=\"admin\""], 0.0);
    least("plue_ssh_connections", &[], 0.0);
    least("plue_database_connections", &["state=\"open\""], 1.0);
    least("plue_database_connections", &["state=\"idle\""], 0.0);
    least("plue_jobs_total", &["kind=\"sweep_sessions\"", ok], 1.0);
    least("plue_jobs_waiting", &[], 0.0);
    least("plue_cache_total", &["outcome="], 1.0);
    plue.stop().unwrap();
}

#[test]
fn one_request_id_leads_from_the_answer_to_the_log_of_the_job() {
    let plue = Settings::new()
        .unwrap()
        .env("PLUE_LOG_FORMAT", "json")
        .start()
        .unwrap();
    let (home, token) = plue.newcomer("ada").unwrap();
    let work = home.small_repository("work").unwrap();
    home.git(&work, &["push", "-q", &plue.url("ada/engine"), "main"])
        .unwrap();
    home.git(
        &work,
        &["push", "-q", &plue.url("ada/engine"), "main:refs/heads/second"],
    )
    .unwrap();
    // Git shows no headers, so a push of our own asks for the deletion of what git has pushed.
    let head = home.git(&work, &["rev-parse", "main"]).unwrap();
    let basic = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(format!("ada:{token}"))
    };
    let client = plue.client().with("authorization", &format!("Basic {basic}"));
    let reply = Push::default()
        .update(&head, NONE, "refs/heads/second")
        .send(&client, "ada/engine")
        .unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let request_id = reply.header("x-request-id").unwrap().to_owned();

    let logged = |message: &str, span: &str| {
        plue.process()
            .errors()
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .find(|line| {
                line["message"] == message
                    && line["span"]["name"] == span
                    && line["span"]["request_id"] == request_id.as_str()
            })
    };
    let answered = within(Duration::from_secs(10), "the answer is logged", || {
        logged("answered", "request")
    });
    assert_eq!(answered["status"], 200, "{answered}");
    let done = within(JOB, "the job's log has the request's id", || {
        logged("a job is done", "job")
    });
    assert_eq!(done["span"]["kind"], "prepare", "{done}");
    plue.stop().unwrap();
}

/// Reads one request of a known length and answers 200; its first line and its body.
fn take(mut stream: TcpStream) -> Option<(String, Vec<u8>)> {
    let mut read = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let length = stream.read(&mut buffer).ok().filter(|length| *length > 0)?;
        read.extend_from_slice(&buffer[..length]);
        let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&read[..end]).to_lowercase();
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))?
            .parse()
            .ok()?;
        if read.len() < end + 4 + length {
            continue;
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .ok()?;
        return Some((head.lines().next()?.to_owned(), read.split_off(end + 4)));
    }
}

#[test]
fn traces_reach_the_collector_before_the_forge_has_stopped() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let collector = format!("http://{}", listener.local_addr().unwrap());
    let (sender, batches) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Some(batch) = take(stream)
                && sender.send(batch).is_err()
            {
                return;
            }
        }
    });
    // What is traced does not depend on what is logged.
    let plue = Settings::new()
        .unwrap()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
        .env("PLUE_LOG", "warn")
        .start()
        .unwrap();
    let ids: Vec<String> = ["/healthz", "/api/auth/me"]
        .into_iter()
        .map(|target| {
            let reply = plue.client().get(target).unwrap();
            reply.header("x-request-id").unwrap().to_owned()
        })
        .collect();
    plue.stop().unwrap();
    let batches: Vec<_> = batches.try_iter().collect();
    assert!(!batches.is_empty(), "nothing was sent");
    for (line, _) in &batches {
        assert_eq!(line, "post /v1/traces http/1.1");
    }
    let has = |text: &str| {
        batches
            .iter()
            .any(|(_, body)| body.windows(text.len()).any(|part| part == text.as_bytes()))
    };
    for id in &ids {
        assert!(has(id), "no span has the request id {id}");
    }
    assert!(has("request_id") && has("service.name") && has("plue"));
}
