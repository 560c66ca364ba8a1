//! Passwords that are guessed many at a time.

mod fake;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fake::{Fake, config, credentials};
use http::Request;
use plue_gateway::conformance::HostState;
use plue_gateway::{Gateway, Statements, Verdict};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// How many wrong passwords an address may send at once.
const GUESSES: u64 = 10;
const RIGHT: &str = "correct horse battery staple";

/// A decision that is under way; it becomes the answer's status, 200 where it was forwarded.
type Asking<'a> = Pin<Box<dyn Future<Output = u16> + 'a>>;

fn ask<'a>(gateway: &'a Gateway<Fake>, password: &str) -> Asking<'a> {
    let basic = STANDARD.encode(format!("ada:{password}"));
    let (parts, ()) = Request::get("/ada/engine/info/refs")
        .header("host", credentials::HOST)
        .header("authorization", format!("Basic {basic}"))
        .body(())
        .expect("a request")
        .into_parts();
    Box::pin(async move {
        match gateway
            .decide(parts, Some("192.0.2.1".parse().expect("an address")))
            .await
        {
            Verdict::Reply(answer) => answer.status().as_u16(),
            Verdict::Forward(_) => 200,
        }
    })
}

fn poll(asking: &mut Asking<'_>) -> Option<u16> {
    match asking.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(status) => Some(status),
        Poll::Pending => None,
    }
}

/// Sends all at once, while no password is answered for; then lets the checks end.
fn at_once(gateway: &Gateway<Fake>, passwords: &[&str]) -> Vec<u16> {
    gateway.host().let_checks_wait(true);
    let mut asking: Vec<_> = passwords.iter().map(|word| ask(gateway, word)).collect();
    let early: Vec<_> = asking.iter_mut().map(poll).collect();
    gateway.host().let_checks_wait(false);
    let ends = asking.iter_mut().zip(early);
    ends.map(|(asking, early)| early.or_else(|| poll(asking)).expect("nothing waits any more"))
        .collect()
}

#[test]
fn guesses_sent_at_once_are_counted_before_any_is_looked_at() {
    let gateway = Gateway::new(Fake::default(), config(Statements::Neither));
    let statuses = at_once(&gateway, &["wrong"; 50]);
    assert_eq!(gateway.host().checks(), GUESSES);
    let (looked_at, refused) = statuses.split_at(10);
    assert!(looked_at.iter().all(|&status| status == 401), "{statuses:?}");
    assert!(refused.iter().all(|&status| status == 429), "{statuses:?}");
}

#[test]
fn right_passwords_take_nothing_in_the_end() {
    let gateway = Gateway::new(Fake::default(), config(Statements::Neither));
    for _ in 0..5 {
        assert_eq!(at_once(&gateway, &[RIGHT; 10]), [200; 10]);
    }
    let nine_wrong: Vec<_> = (0..10).map(|i| if i == 4 { RIGHT } else { "wrong" }).collect();
    let statuses = at_once(&gateway, &nine_wrong);
    assert_eq!(statuses.iter().filter(|&&status| status == 200).count(), 1);
    assert_eq!(at_once(&gateway, &["wrong", "wrong"]), [401, 429]);
}

#[test]
fn a_check_that_nobody_could_make_is_no_guess() {
    let gateway = Gateway::new(
        Fake::with(&HostState {
            failing: vec!["credentials".into()],
            ..HostState::default()
        }),
        config(Statements::Neither),
    );
    for _ in 0..5 {
        assert_eq!(at_once(&gateway, &["wrong"; 10]), [503; 10]);
    }
}
