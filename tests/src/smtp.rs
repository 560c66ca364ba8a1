//! An SMTP server (RFC 5321) for one test: it takes every letter, unless it is told to answer
//! otherwise, and hands them out in the order in which they came.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How long a letter may be under way.
const ARRIVING: Duration = Duration::from_secs(30);

/// A letter that arrived.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// Who sent it, as the server was told.
    pub from: String,
    /// Whom it is for, as the server was told.
    pub to: Vec<String>,
    /// Its headers and its text, line ends as in a file.
    pub whole: String,
}

impl Arrived {
    /// The value of a header; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let (headers, _) = self.whole.split_once("\n\n").unwrap_or((&self.whole, ""));
        let line = headers
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_default()
    }

    /// What it says; the soft line ends of quoted-printable are taken out.
    pub fn text(&self) -> String {
        let (_, text) = self.whole.split_once("\n\n").unwrap_or_default();
        match self.header("Content-Transfer-Encoding") {
            "quoted-printable" => text.replace("=\n", "").replace("=3D", "="),
            _ => text.to_owned(),
        }
    }

    /// The first address of the web in it.
    pub fn link(&self) -> Option<String> {
        let text = self.text();
        let start = text.find("http")?;
        text[start..].split_whitespace().next().map(str::to_owned)
    }
}

/// The server. It ends when it is dropped.
#[derive(Debug)]
pub struct Mailbox {
    address: SocketAddr,
    next_answer: Arc<Mutex<Option<String>>>,
    letters: tokio::sync::Mutex<mpsc::UnboundedReceiver<Arrived>>,
    task: JoinHandle<()>,
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Mailbox {
    /// Listens on a port that the system picks.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let next_answer: Arc<Mutex<Option<String>>> = Arc::default();
        let (send, letters) = mpsc::unbounded_channel();
        let answer = Arc::clone(&next_answer);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (send, answer) = (send.clone(), Arc::clone(&answer));
                tokio::spawn(async move {
                    // A client that goes away in the middle is the test's business.
                    let _ = converse(stream, &send, &answer).await;
                });
            }
        });
        Ok(Self {
            address,
            next_answer,
            letters: tokio::sync::Mutex::new(letters),
            task,
        })
    }

    /// Its address, as a setting names it.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// What the next recipient is answered in place of a yes, once.
    pub fn answer_next(&self, line: &str) {
        let mut next = self.next_answer.lock().unwrap_or_else(PoisonError::into_inner);
        *next = Some(line.to_owned());
    }

    /// The next letter; waits for it.
    pub async fn next(&self) -> anyhow::Result<Arrived> {
        let mut letters = self.letters.lock().await;
        let arrived = tokio::time::timeout(ARRIVING, letters.recv()).await;
        arrived.context("no letter arrived")?.context("the server ended")
    }

    /// Whether a letter has arrived that nobody took.
    pub async fn has_more(&self) -> bool {
        !self.letters.lock().await.is_empty()
    }
}

/// What stands between `<` and `>`.
fn path(line: &str) -> Option<String> {
    let (_, rest) = line.split_once('<')?;
    rest.split_once('>').map(|(path, _)| path.to_owned())
}

async fn converse(
    stream: TcpStream,
    letters: &mpsc::UnboundedSender<Arrived>,
    next_answer: &Mutex<Option<String>>,
) -> anyhow::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 plue.test ESMTP\r\n").await?;
    let (mut from, mut to) = (String::new(), Vec::new());
    while let Some(line) = lines.next_line().await? {
        let verb = line
            .split([' ', ':'])
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" | "HELO" => "250 plue.test".to_owned(),
            "MAIL" => {
                from = path(&line).context("a sender")?;
                to.clear();
                "250 ok".to_owned()
            }
            "RCPT" => {
                let told = next_answer.lock().unwrap_or_else(PoisonError::into_inner).take();
                match told {
                    Some(told) => told,
                    None => {
                        to.push(path(&line).context("a recipient")?);
                        "250 ok".to_owned()
                    }
                }
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let mut whole = String::new();
                loop {
                    let line = lines.next_line().await?.context("a whole letter")?;
                    if line == "." {
                        break;
                    }
                    whole.push_str(line.strip_prefix('.').unwrap_or(&line));
                    whole.push('\n');
                }
                letters.send(Arrived {
                    from: std::mem::take(&mut from),
                    to: std::mem::take(&mut to),
                    whole,
                })?;
                "250 taken".to_owned()
            }
            "RSET" | "NOOP" => "250 ok".to_owned(),
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            other => bail!("the client says {other}"),
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}
