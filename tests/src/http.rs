//! A plain HTTP/1.1 client that sends exactly the bytes that a test wants sent, good or bad.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail};

/// An answer, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, with any chunks joined.
    pub body: Vec<u8>,
}

impl Reply {
    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> anyhow::Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("{}: {}", self.status, self.text()))
    }
}

/// Talks to one server.
#[derive(Clone, Debug)]
pub struct Client {
    server: SocketAddr,
    headers: Vec<(String, String)>,
}

impl Client {
    /// A client for an address like `http://127.0.0.1:4000`.
    pub fn new(address: &str) -> anyhow::Result<Client> {
        let host = address
            .strip_prefix("http://")
            .context("the address is plain HTTP")?;
        Ok(Client {
            server: host.trim_end_matches('/').parse()?,
            headers: Vec::new(),
        })
    }

    /// The same client with a header on every request.
    pub fn with(mut self, name: &str, value: &str) -> Client {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same client with a bearer token on every request.
    pub fn bearer(self, token: &str) -> Client {
        self.with("authorization", &format!("Bearer {token}"))
    }

    /// The value of a header that every request carries.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Sends a request and reads the whole answer.
    pub fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> anyhow::Result<Reply> {
        let mut head = format!(
            "{method} {target} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.server
        );
        let own = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.chain(headers.iter().copied()) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        self.raw(&[head.as_bytes(), body].concat())
    }

    /// Asks for a page.
    pub fn get(&self, target: &str) -> anyhow::Result<Reply> {
        self.send("GET", target, &[], b"")
    }

    /// Sends a JSON body.
    pub fn json(&self, method: &str, target: &str, body: &serde_json::Value) -> anyhow::Result<Reply> {
        self.send(
            method,
            target,
            &[("content-type", "application/json")],
            body.to_string().as_bytes(),
        )
    }

    /// Sends bytes as they are and reads until the answer has the length that it says it has, or
    /// the server closes the connection.
    pub fn raw(&self, request: &[u8]) -> anyhow::Result<Reply> {
        let mut socket = self.connect()?;
        // A server that refuses early may close before it has read everything; its answer still counts.
        let sent = socket.write_all(request);
        let to_head = request.starts_with(b"HEAD ");
        let mut answer = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match socket.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => {
                    answer.extend_from_slice(&buffer[..length]);
                    // A full buffer means that more is there; a short one may be the end.
                    if length < buffer.len()
                        && let Some(reply) = whole(&answer, to_head)
                    {
                        return Ok(reply);
                    }
                }
                Err(error) if answer.is_empty() => {
                    sent?;
                    return Err(error.into());
                }
                Err(_) => break,
            }
        }
        parse(&answer)
    }

    /// Opens a connection for tests that speak slowly, in part, or not at all.
    pub fn connect(&self) -> anyhow::Result<TcpStream> {
        let socket = TcpStream::connect_timeout(&self.server, Duration::from_secs(5))?;
        socket.set_read_timeout(Some(Duration::from_secs(120)))?;
        socket.set_nodelay(true)?;
        Ok(socket)
    }
}

/// The answer, if it says how long it is and all of that is there.
fn whole(answer: &[u8], to_head: bool) -> Option<Reply> {
    if to_head {
        return head(answer).ok().map(|(reply, _)| reply);
    }
    let reply = parse(answer).ok()?;
    let told = reply.header("content-length").is_some() || reply.header("transfer-encoding").is_some();
    (told || matches!(reply.status, 204 | 304)).then_some(reply)
}

/// Takes an answer apart; one that is cut short is an error.
pub fn parse(answer: &[u8]) -> anyhow::Result<Reply> {
    let (mut reply, rest) = head(answer)?;
    let chunked = reply.header("transfer-encoding");
    reply.body = if chunked.is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        join_chunks(rest)?
    } else if let Some(length) = reply.header("content-length") {
        let length: usize = length.parse()?;
        rest.get(..length)
            .with_context(|| format!("{} of {length} bytes", rest.len()))?
            .to_owned()
    } else {
        rest.to_owned()
    };
    Ok(reply)
}

/// Takes the head of an answer off; what follows it is the second value.
fn head(answer: &[u8]) -> anyhow::Result<(Reply, &[u8])> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(end) = end else {
        bail!("no complete answer: {:?}", String::from_utf8_lossy(answer))
    };
    let lines = std::str::from_utf8(&answer[..end]).context("the head is text")?;
    let rest = &answer[end + 4..];
    let mut lines = lines.split("\r\n");
    let status: u16 = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .context("a status line")?
        .parse()?;
    if status == 100 {
        return head(rest);
    }
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let reply = Reply {
        status,
        headers,
        body: Vec::new(),
    };
    Ok((reply, rest))
}

fn join_chunks(mut rest: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest
            .windows(2)
            .position(|two| two == b"\r\n")
            .context("a chunk's length")?;
        let line = std::str::from_utf8(&rest[..end])?;
        let length = usize::from_str_radix(line.split(';').next().unwrap_or(line).trim(), 16)?;
        rest = &rest[end + 2..];
        if length == 0 {
            return Ok(body);
        }
        body.extend_from_slice(rest.get(..length).context("the answer breaks off in a chunk")?);
        rest = rest
            .get(length + 2..)
            .context("the answer breaks off after a chunk")?;
    }
}

/// Writes a pkt-line.
pub fn pkt(line: impl AsRef<[u8]>) -> Vec<u8> {
    let line = line.as_ref();
    let mut bytes = format!("{:04x}", line.len() + 4).into_bytes();
    bytes.extend_from_slice(line);
    bytes
}
