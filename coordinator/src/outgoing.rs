//! Requests to addresses that people give us. They must not reach what only this machine and its
//! network may: every address is looked at at the moment of connecting, the very one that is
//! connected to, on each redirect too. A name that resolves to another address later is another
//! question then.

use bytes::Bytes;
use http::header::{LOCATION, USER_AGENT};
use http::uri::{Authority, Scheme};
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use plue_contract::causes;
use plue_forge::hooks::{Answer, Checker, Outgoing, Sender};
use plue_gateway::AddressRange;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 3;
/// How much of an answer is read, in bytes.
const MAX_ANSWER: usize = 16 * 1024;
/// How long one connection may take to come about.
const CONNECTING: Duration = Duration::from_secs(5);
/// What we call ourselves.
const AGENT: &str = concat!("Plue/", env!("CARGO_PKG_VERSION"));

type Waiting<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// Finds the addresses of a host's name.
type Resolve = Arc<dyn Fn(String) -> Waiting<io::Result<Vec<IpAddr>>> + Send + Sync>;

/// Why an address is not reached from here; none where it may be.
fn forbidden(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(address) => forbidden_v4(address),
        IpAddr::V6(address) => forbidden_v6(address),
    }
}

fn forbidden_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, d] = address.octets();
    Some(match (a, b, c, d) {
        (0, ..) => "it is no address of a host",
        (127, ..) => "it is this machine",
        (10, ..) | (172, 16..=31, ..) | (192, 168, ..) => "it is of a private network",
        (100, 64..=127, ..) => "it is of a provider's inner network",
        (169, 254, ..) => "it is of the local link, where clouds keep their metadata",
        (168, 63, 129, 16) => "it is a cloud's own service",
        (192, 0, 0, _) | (192, 88, 99, _) => "it is of a network for special purposes",
        (192, 0, 2, _) | (198, 51, 100, _) | (203, 0, 113, _) => "it is of a network for examples",
        (198, 18..=19, ..) => "it is of a network for measurements",
        (224..=239, ..) => "it is a group and no host",
        (240.., ..) => "it is reserved",
        _ => return None,
    })
}

fn forbidden_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        forbidden_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // What a translator makes of an IPv4 address (RFC 6052) is as good as that address.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("it is no address of a host"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("it is this machine"),
        [0x2001, 0..=0x1ff, ..] => Some("it is of a network for special purposes"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some("it is of a network for examples"),
        [0x2002, ..] => Some("it leads through a tunnel to another address"),
        [0x2000..=0x3fff, ..] => None,
        [0xfc00..=0xfdff, ..] => Some("it is of a private network"),
        [0xfe80..=0xfebf, ..] => Some("it is of the local link"),
        [0xff00..=0xffff, ..] => Some("it is a group and no host"),
        _ => Some("it is of no network that is reached from everywhere"),
    }
}

/// A host as an address names it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Ip(IpAddr),
    Name(String),
}

/// Reads a host: an address in its one usual form, or a name.
fn host(text: &str) -> Result<Host, String> {
    if let Some(inner) = text.strip_prefix('[') {
        let address = inner
            .strip_suffix(']')
            .and_then(|inner| inner.parse::<Ipv6Addr>().ok());
        let address = address.ok_or("what stands in brackets is no IPv6 address")?;
        return Ok(Host::Ip(address.into()));
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(Host::Ip(address.into()));
    }
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if name.len() > 253 || !name.split('.').all(is_label) {
        return Err("its host is no name of one; write one that is not in ASCII in Punycode".to_owned());
    }
    // `127.1`, `0177.0.0.1`, `2130706433` and `0x7f.1`: some read them as addresses.
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = |label: &str| {
        let hex = label.strip_prefix("0x");
        label.bytes().all(|byte| byte.is_ascii_digit())
            || hex.is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    if is_number(last) {
        return Err(
            "its host is a number; write an address as four numbers from 0 to 255 with dots".to_owned(),
        );
    }
    if name == "localhost" || name.ends_with(".localhost") {
        return Ok(Host::Ip(Ipv4Addr::LOCALHOST.into()));
    }
    Ok(Host::Name(name))
}

/// Reads an address that a request may go to, as far as its text tells.
fn target(url: &str) -> Result<(Uri, Host), String> {
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(
            "it holds spaces, control characters or others that are not in ASCII; write them as %XX"
                .to_owned(),
        );
    }
    if url.contains(['\\', '#']) {
        return Err("it holds a backslash or a fragment, which addresses of requests have not".to_owned());
    }
    let uri: Uri = url
        .parse()
        .map_err(|_| "it is no address: expected https://host/path".to_owned())?;
    if ![Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&uri.scheme()) {
        return Err("it is of a kind that is not spoken here: expected http:// or https://".to_owned());
    }
    let authority = uri.authority().map(Authority::as_str).unwrap_or_default();
    if authority.contains('@') {
        return Err("it holds a name or a password; use a secret to prove who calls".to_owned());
    }
    let read = host(uri.host().unwrap_or_default())?;
    // A port that is none is not seen as one.
    let port = authority
        .strip_prefix(uri.host().unwrap_or_default())
        .unwrap_or_default();
    if !port.is_empty() && uri.port_u16().is_none_or(|port| port == 0) {
        return Err("its port is none: expected a number from 1 to 65535".to_owned());
    }
    Ok((uri, read))
}

/// Which addresses are reached, and how names are read.
#[derive(Clone)]
struct Guard {
    allowed: Arc<[AddressRange]>,
    resolve: Resolve,
}

impl Guard {
    fn permits(&self, address: IpAddr) -> Result<(), String> {
        if self.allowed.iter().any(|range| range.contains(address)) {
            return Ok(());
        }
        match forbidden(address) {
            None => Ok(()),
            Some(why) => Err(format!(
                "{address} is not reached from here: {why} (PLUE_WEBHOOK_NETWORKS names exceptions)"
            )),
        }
    }

    /// Looks at an address's text alone.
    fn check(&self, url: &str) -> Result<(), String> {
        match target(url)? {
            (_, Host::Ip(address)) => self.permits(address),
            (_, Host::Name(_)) => Ok(()),
        }
    }

    /// Connects to where a URI leads, if one of its addresses is permitted: to that one.
    async fn connect(self, uri: Uri) -> Result<TcpStream, String> {
        let (_, host) = target(&uri.to_string())?;
        let port = uri.port_u16().unwrap_or(if uri.scheme() == Some(&Scheme::HTTPS) {
            443
        } else {
            80
        });
        let addresses = match host {
            Host::Ip(address) => vec![address],
            Host::Name(name) => {
                let found = (self.resolve)(name.clone()).await;
                found.map_err(|error| format!("{name} has no address: {error}"))?
            }
        };
        let mut why = "its name has no address".to_owned();
        for address in addresses {
            if let Err(refused) = self.permits(address) {
                why = refused;
                continue;
            }
            let connecting = TcpStream::connect(SocketAddr::new(address, port));
            match tokio::time::timeout(CONNECTING, connecting).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => why = format!("{address} does not answer: {error}"),
                Err(_) => why = format!("{address} does not answer in time"),
            }
        }
        Err(why)
    }
}

impl tower_service::Service<Uri> for Guard {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Waiting<io::Result<TokioIo<TcpStream>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let guard = self.clone();
        Box::pin(async move {
            let stream = guard.connect(uri).await.map_err(io::Error::other)?;
            Ok(TokioIo::new(stream))
        })
    }
}

/// Sends requests to addresses that people gave. Cheap to clone.
#[derive(Clone)]
pub struct Outside {
    client: Client<HttpsConnector<Guard>, Full<Bytes>>,
    guard: Guard,
    deadline: Duration,
}

impl Outside {
    /// Reaches what everybody can, and the networks that are listed; one request and what follows
    /// from it may take so long.
    pub fn new(allowed: &[AddressRange], deadline: Duration) -> io::Result<Self> {
        let resolve: Resolve = Arc::new(|name| {
            Box::pin(async move {
                let found = tokio::net::lookup_host((name, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        });
        Self::with(allowed, deadline, resolve)
    }

    fn with(allowed: &[AddressRange], deadline: Duration, resolve: Resolve) -> io::Result<Self> {
        let guard = Guard {
            allowed: allowed.into(),
            resolve,
        };
        let https = HttpsConnectorBuilder::new()
            .with_native_roots()?
            .https_or_http()
            .enable_http1()
            .wrap_connector(guard.clone());
        Ok(Self {
            // A kept connection would be one that nobody looks at again.
            client: Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(0)
                .build(https),
            guard,
            deadline,
        })
    }

    /// What the forge asks of an address before it keeps it.
    pub fn checker(&self) -> Checker {
        let guard = self.guard.clone();
        Arc::new(move |url: &str| guard.check(url))
    }

    /// How the forge sends requests.
    pub fn sender(&self) -> Sender {
        let outside = self.clone();
        Arc::new(move |outgoing| {
            let outside = outside.clone();
            Box::pin(async move { outside.send(outgoing).await })
        })
    }

    async fn send(&self, outgoing: Outgoing) -> Result<Answer, String> {
        match tokio::time::timeout(self.deadline, self.follow(outgoing)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!(
                "there was no answer within {} s",
                self.deadline.as_secs()
            )),
        }
    }

    async fn follow(&self, outgoing: Outgoing) -> Result<Answer, String> {
        let (mut uri, _) = target(&outgoing.url)?;
        let body = Bytes::from(outgoing.body);
        for _ in 0..=MAX_REDIRECTS {
            let mut request = Request::post(uri.clone()).header(USER_AGENT, AGENT);
            for (name, value) in &outgoing.headers {
                request = request.header(*name, value.as_str());
            }
            let request = request
                .body(Full::new(body.clone()))
                .map_err(|error| error.to_string())?;
            let answer = self
                .client
                .request(request)
                .await
                .map_err(|error| causes(&error).to_string())?;
            let status = answer.status().as_u16();
            let led = answer
                .headers()
                .get(LOCATION)
                .filter(|_| matches!(status, 301 | 302 | 307 | 308));
            if let Some(location) = led {
                uri = redirected(
                    &uri,
                    location.to_str().map_err(|_| "it led to no address".to_owned())?,
                )?;
                continue;
            }
            let body = read(answer.into_body()).await?;
            return Ok(Answer { status, body });
        }
        Err(format!("it led on more than {MAX_REDIRECTS} times"))
    }
}

/// Where a redirect leads.
fn redirected(from: &Uri, location: &str) -> Result<Uri, String> {
    let (scheme, authority) = (
        from.scheme_str().unwrap_or_default(),
        from.authority().map(Authority::as_str).unwrap_or_default(),
    );
    let whole = match location {
        _ if location.starts_with("//") => format!("{scheme}:{location}"),
        _ if location.starts_with('/') => format!("{scheme}://{authority}{location}"),
        _ => location.to_owned(),
    };
    let (uri, _) =
        target(&whole).map_err(|why| format!("it led to an address that is not followed: {why}"))?;
    if from.scheme() == Some(&Scheme::HTTPS) && uri.scheme() != Some(&Scheme::HTTPS) {
        return Err("it led from https to http, which is not followed".to_owned());
    }
    Ok(uri)
}

/// The beginning of an answer's body.
async fn read(mut body: hyper::body::Incoming) -> Result<String, String> {
    let mut bytes = Vec::new();
    while bytes.len() < MAX_ANSWER
        && let Some(frame) = body.frame().await
    {
        let frame = frame.map_err(|error| format!("the answer broke off: {}", causes(&error)))?;
        if let Some(data) = frame.data_ref() {
            bytes.extend_from_slice(data);
        }
    }
    bytes.truncate(MAX_ANSWER);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    fn strict() -> Guard {
        Guard {
            allowed: [].into(),
            resolve: Arc::new(|_| Box::pin(async { Ok(Vec::new()) })),
        }
    }

    #[test]
    fn no_form_of_an_inner_address_is_taken() {
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://127.0.1/",
            "http://0177.0.0.1/",
            "http://0x7f.0.0.1/",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://017700000001/",
            "http://127.0.0.01/",
            "http://127.0.0.256/",
            "http://0.0.0.0/",
            "http://0/",
            "http://localhost/",
            "http://LOCALHOST:8080/",
            "http://localhost./",
            "http://a.localhost/",
            "http://10.0.0.1/",
            "http://172.16.0.1/",
            "http://172.31.255.255/",
            "http://192.168.1.1/",
            "http://100.64.0.1/",
            "http://100.100.100.200/",
            "http://169.254.169.254/latest/meta-data/",
            "http://168.63.129.16/",
            "http://192.0.0.192/",
            "http://192.0.2.1/",
            "http://198.18.0.1/",
            "http://192.88.99.1/",
            "http://224.0.0.1/",
            "http://255.255.255.255/",
            "http://[::]/",
            "http://[::1]/",
            "http://[0:0:0:0:0:0:0:1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[::127.0.0.1]/",
            "http://[::ffff:0:127.0.0.1]/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://[64:ff9b::10.0.0.1]/",
            "http://[64:ff9b:1::a00:1]/",
            "http://[2002:7f00:1::]/",
            "http://[2002:a9fe:a9fe::1]/",
            "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
            "http://[2001:db8::1]/",
            "http://[fe80::1]/",
            "http://[fe80::1%25eth0]/",
            "http://[fec0::1]/",
            "http://[fd00:ec2::254]/",
            "http://[fc00::1]/",
            "http://[ff02::1]/",
            "http://[100::1]/",
            "http://[::1",
            "git://example.org/",
            "gopher://example.org/",
            "ftp://example.org/",
            "file:///etc/passwd",
            "unix:///var/run/docker.sock",
            "/etc/passwd",
            "./a",
            "example.org/hook",
            "//example.org/",
            "http:example.org",
            "http:///a",
            "http://",
            "http://user:password@example.org/",
            "http://user@example.org/",
            "http://example.org@127.0.0.1/",
            "http://example.org\\@127.0.0.1/",
            "http://example.org#@127.0.0.1/",
            "http://example.org /",
            "http://example.org/\r\nX-Evil: 1",
            "http://example.org/a\tb",
            "http://ex\u{e4}mple.org/",
            "http://\u{2460}\u{2461}\u{2466}.0.0.1/",
            "http://127\u{3002}0.0.1/",
            "http://example.org:0/",
            "http://example.org:65536/",
            "http://example.org:x/",
            "http://-a.example.org/",
            "http://a..example.org/",
            "http://*.example.org/",
            "",
        ] {
            assert!(strict().check(url).is_err(), "{url:?} was taken");
        }
        for url in [
            "https://example.org/hook?a=b",
            "http://example.org:8080",
            "https://EXAMPLE.org./x",
            "http://a_b.example.org/",
            "http://93.184.215.14/",
            "http://172.32.0.1/",
            "http://100.128.0.1/",
            "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:8443/x",
            "http://[64:ff9b::5db8:d70e]/",
            "http://xn--exmple-cua.org/",
            "http://0x7f.example/",
        ] {
            assert_eq!(strict().check(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn redirects_are_read_like_addresses() {
        let from: Uri = "https://example.org/a/b".parse().unwrap();
        let to = |location: &str| redirected(&from, location).map(|uri| uri.to_string());
        assert_eq!(to("/c?d"), Ok("https://example.org/c?d".into()));
        assert_eq!(to("//other.example/c"), Ok("https://other.example/c".into()));
        assert_eq!(to("https://other.example/"), Ok("https://other.example/".into()));
        for location in [
            "http://example.org/",
            "file:///etc/passwd",
            "c",
            "",
            "https://127.1/",
            "/a b",
        ] {
            assert!(to(location).is_err(), "{location:?}");
        }
    }

    /// Answers 200 to everybody, and counts them.
    async fn receiver(at: &str) -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind((at, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let mut head = [0; 4096];
                let _ = stream.read(&mut head).await;
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
                    .await;
            }
        });
        (port, count)
    }

    #[tokio::test]
    async fn a_name_whose_address_changes_is_asked_again_and_refused() {
        let (port, reached) = receiver("127.0.0.2").await;
        let inner = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        // First an address that may be reached; whoever asks again is sent inside.
        let asked = Arc::new(AtomicUsize::new(0));
        let resolve: Resolve = {
            let asked = Arc::clone(&asked);
            Arc::new(move |name| {
                assert_eq!(name, "rebinds.example");
                let nth = asked.fetch_add(1, Ordering::Relaxed);
                Box::pin(async move {
                    Ok(vec![match nth {
                        0 => IpAddr::from([127, 0, 0, 2]),
                        _ => IpAddr::from([127, 0, 0, 1]),
                    }])
                })
            })
        };
        let allowed: AddressRange = "127.0.0.2".parse().unwrap();
        let outside = Outside::with(&[allowed], Duration::from_secs(5), resolve).unwrap();
        let outgoing = Outgoing {
            url: format!("http://rebinds.example:{port}/hook"),
            headers: vec![("x-wit-event", "push".into())],
            body: "{}".into(),
        };
        let first = outside.send(outgoing.clone()).await.unwrap();
        assert_eq!((first.status, first.body.as_str()), (200, "ok"));
        let second = outside.send(outgoing).await.unwrap_err();
        assert!(second.contains("127.0.0.1 is not reached from here"), "{second}");
        assert_eq!(asked.load(Ordering::Relaxed), 2, "each connection asks");
        assert_eq!(reached.load(Ordering::Relaxed), 1);
        let nobody = tokio::time::timeout(Duration::from_millis(100), inner.accept()).await;
        assert!(nobody.is_err(), "somebody came to the inner address");
    }
}
