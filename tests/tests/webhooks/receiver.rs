//! Somebody who is told: a server that keeps what arrives, and treats it as a test wants.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

/// Where receivers listen. The forge is told that it may be reached, and no other inner address.
pub const OUTSIDE: &str = "127.0.0.2";
/// What every webhook of these tests is signed with.
pub const SECRET: &str = "It's a Secret to Everybody";
/// How long anything is waited for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One request that arrived whole.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// Whether it was answered with 200.
    pub taken: bool,
}

impl Arrived {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Which webhook it was for: the last part of its path.
    pub fn hook(&self) -> &str {
        self.path.rsplit('/').next().unwrap()
    }

    pub fn expect_signature(&self) {
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(self.body.as_bytes());
        let tag = mac.finalize().into_bytes();
        let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
        for name in ["x-hub-signature-256", "x-wit-signature-256"] {
            assert_eq!(self.header(name), format!("sha256={hex}"), "{self:?}");
        }
    }
}

/// How a receiver treats a request.
#[derive(Clone, Copy, Debug)]
pub enum Manner {
    Takes,
    Fails,
    Hangs,
    HangsUp,
    LeadsOn,
}

/// Somebody who is told.
pub struct Receiver {
    port: u16,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Receiver {
    /// Starts one that treats its n-th request as `manner` says.
    pub fn start(manner: impl Fn(usize, &str) -> Manner + Send + Sync + 'static) -> Receiver {
        let listener = TcpListener::bind((OUTSIDE, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let arrived: Arc<Mutex<Vec<Arrived>>> = Arc::default();
        let (kept, manner) = (Arc::clone(&arrived), Arc::new(manner));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, manner) = (Arc::clone(&kept), Arc::clone(&manner));
                std::thread::spawn(move || serve(stream, &kept, manner.as_ref()));
            }
        });
        Receiver { port, arrived }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{OUTSIDE}:{}{path}", self.port)
    }

    pub fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    /// What was taken of one webhook, each event once.
    pub fn taken(&self, hook: &str) -> Vec<Arrived> {
        let mut seen = BTreeSet::new();
        let taken = self.arrived().into_iter();
        taken
            .filter(|one| one.taken && one.hook() == hook)
            .filter(|one| seen.insert(one.header("x-wit-delivery").to_owned()))
            .collect()
    }

    /// Waits until so many events of one webhook were taken.
    pub fn wait(&self, hook: &str, count: usize) -> Vec<Arrived> {
        let until = Instant::now() + PATIENCE;
        loop {
            let taken = self.taken(hook);
            if taken.len() >= count {
                return taken;
            }
            assert!(
                Instant::now() < until,
                "{hook}: {} of {count}: {:#?}",
                taken.len(),
                self.arrived().last()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn serve(mut stream: TcpStream, kept: &Mutex<Vec<Arrived>>, manner: &dyn Fn(usize, &str) -> Manner) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if line == "\r\n" {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let path = lines[0].split(' ').nth(1).unwrap().to_owned();
    let headers: Vec<(String, String)> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.unwrap().1.parse().unwrap()];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let mut one = Arrived {
        headers,
        body: String::from_utf8(body).unwrap(),
        taken: false,
        path,
    };
    let manner = {
        let mut kept = kept.lock().unwrap();
        let manner = manner(kept.len(), &one.path);
        one.taken = matches!(manner, Manner::Takes);
        kept.push(one.clone());
        manner
    };
    let answer = match manner {
        Manner::Takes => "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\ntaken".to_owned(),
        Manner::Fails => "HTTP/1.1 500 No\r\ncontent-length: 7\r\n\r\nnot now".to_owned(),
        Manner::LeadsOn => format!(
            "HTTP/1.1 307 Elsewhere\r\nlocation: /elsewhere{}\r\ncontent-length: 0\r\n\r\n",
            one.path
        ),
        Manner::Hangs => {
            std::thread::sleep(Duration::from_secs(3));
            return;
        }
        Manner::HangsUp => return,
    };
    let _ = stream.write_all(answer.as_bytes());
}
