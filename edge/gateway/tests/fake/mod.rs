//! A host made of maps: one account, one clock, and ports that can be told to fail.
#![allow(dead_code, reason = "each test uses its own part of the host")]

pub mod credentials;

use plue_contract::credentials::Credential;
use plue_contract::{AccountId, Who};
use plue_gateway::conformance::HostState;
use plue_gateway::limits::{Bucket, BucketKey, Decision, Rate};
use plue_gateway::{
    Buckets, Chance, Clock, Credentials, GatewayConfig, PortError, SessionKey, SessionState, Sessions,
    Statements,
};
use std::collections::{HashMap, HashSet};
use std::future::{Future, poll_fn, ready};
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

/// The time at which every case happens.
pub const NOW_MS: u64 = 1_800_000_000_000;

pub fn config(statements: Statements) -> GatewayConfig {
    let mut config = GatewayConfig::new(credentials::keys());
    config.statements = statements;
    config.cors_origins.push("https://app.example".into());
    config
}

/// Runs a future that never waits.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a host made of maps never waits"),
    }
}

#[derive(Default)]
pub struct Fake {
    now_ms: AtomicU64,
    buckets: Mutex<HashMap<String, Bucket>>,
    drained: Mutex<HashSet<String>>,
    draws: AtomicU64,
    fills: AtomicU64,
    checks: AtomicU64,
    checks_wait: AtomicBool,
    sessions_wait: AtomicBool,
    remembers: AtomicBool,
    failing: HashSet<String>,
    session_ended: bool,
    session_rotated: bool,
}

impl Fake {
    pub fn with(state: &HostState) -> Self {
        let fake = Self {
            failing: state.failing.iter().cloned().collect(),
            session_ended: state.session_ended,
            session_rotated: state.session_rotated,
            ..Self::default()
        };
        for key in &state.drained {
            fake.drain(key);
        }
        fake
    }

    pub fn drain(&self, key: &str) {
        self.drained.lock().expect("no panic").insert(key.to_owned());
    }

    pub fn refill(&self) {
        self.drained.lock().expect("no panic").clear();
        self.buckets.lock().expect("no panic").clear();
    }

    pub fn set_now(&self, now_ms: u64) {
        self.now_ms.store(now_ms, Ordering::Relaxed);
    }

    /// How often something was taken from a bucket.
    pub fn draws(&self) -> u64 {
        self.draws.load(Ordering::Relaxed)
    }

    /// How many credentials were looked at.
    pub fn checks(&self) -> u64 {
        self.checks.load(Ordering::Relaxed)
    }

    /// Lets whoever asks about a credential wait, or go on.
    pub fn let_checks_wait(&self, wait: bool) {
        self.checks_wait.store(wait, Ordering::Relaxed);
    }

    /// Lets whoever asks about a session wait, or go on.
    pub fn let_sessions_wait(&self, wait: bool) {
        self.sessions_wait.store(wait, Ordering::Relaxed);
    }

    /// Has the host remember whose each session cookie was.
    pub fn remember(&self) {
        self.remembers.store(true, Ordering::Relaxed);
    }

    /// What is left in a bucket, without taking any of it.
    pub fn left(&self, key: &BucketKey, rate: Rate) -> u32 {
        let mut buckets = self.buckets.lock().expect("no panic");
        let bucket = buckets.entry(key.to_string()).or_default();
        bucket.take(self.now_ms(), rate, 0).remaining
    }

    fn port(&self, name: &str) -> Result<(), PortError> {
        if self.failing.contains(name) {
            return Err(PortError(format!("{name} is down")));
        }
        Ok(())
    }
}

impl Clock for Fake {
    fn now_ms(&self) -> u64 {
        match self.now_ms.load(Ordering::Relaxed) {
            0 => NOW_MS,
            set => set,
        }
    }
}

impl Chance for Fake {
    fn fill(&self, bytes: &mut [u8]) {
        let nth = self.fills.fetch_add(1, Ordering::Relaxed);
        for (value, byte) in (nth..).zip(bytes) {
            *byte = value as u8;
        }
    }
}

impl Buckets for Fake {
    fn take(
        &self,
        key: &BucketKey,
        rate: Rate,
        cost: u32,
    ) -> impl Future<Output = Result<Decision, PortError>> + Send {
        let mut buckets = self.buckets.lock().expect("no panic");
        let name = key.to_string();
        let bucket = buckets.entry(name.clone()).or_default();
        if self.drained.lock().expect("no panic").contains(&name) {
            bucket.full_at_us = u64::MAX;
        }
        if cost > 0 {
            self.draws.fetch_add(1, Ordering::Relaxed);
        }
        ready(
            self.port("buckets")
                .map(|()| bucket.take(self.now_ms(), rate, cost)),
        )
    }

    fn give_back(
        &self,
        key: &BucketKey,
        rate: Rate,
        cost: u32,
    ) -> impl Future<Output = Result<(), PortError>> + Send {
        let mut buckets = self.buckets.lock().expect("no panic");
        let bucket = buckets.entry(key.to_string()).or_default();
        ready(
            self.port("buckets")
                .map(|()| bucket.give_back(self.now_ms(), rate, cost)),
        )
    }
}

impl Sessions for Fake {
    fn find(&self, key: &SessionKey) -> impl Future<Output = Result<Option<SessionState>, PortError>> + Send {
        let known = match key {
            SessionKey::Cookie(cookie) => *cookie == credentials::session_cookie(),
            SessionKey::Id(id) => *id == credentials::session_cookie().id,
        };
        let session = (known && !self.session_ended).then(|| credentials::session(self.session_rotated));
        let answer = self.port("sessions").map(|()| session);
        poll_fn(move |_| match self.sessions_wait.load(Ordering::Relaxed) {
            true => Poll::Pending,
            false => Poll::Ready(answer.clone()),
        })
    }

    fn remembered(&self, key: &SessionKey) -> Option<AccountId> {
        let remembers = self.remembers.load(Ordering::Relaxed);
        matches!(key, SessionKey::Cookie(_))
            .then_some(credentials::ADA)
            .filter(|_| remembers)
    }
}

impl Credentials for Fake {
    fn introspect(
        &self,
        credential: &Credential,
    ) -> impl Future<Output = Result<Option<Who>, PortError>> + Send {
        self.checks.fetch_add(1, Ordering::Relaxed);
        let answer = self
            .port("credentials")
            .map(|()| credentials::who_shows(credential));
        poll_fn(move |_| match self.checks_wait.load(Ordering::Relaxed) {
            true => Poll::Pending,
            false => Poll::Ready(answer.clone()),
        })
    }
}
