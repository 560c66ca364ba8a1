//! The server's side of `receive-pack` up to the pack: what a client asks for.
//!
//! Source: `gitprotocol-pack`, "Pushing Data To a Server", and `gitprotocol-capabilities`.
//! Before it stands [`super::advertise`], behind it the pack and [`super::reply`].

pub use super::advertise::{Advertisement, advertise};
use super::pkt::{self, Packet, PktError};
use super::reply::ReportKind;
use crate::oid::{ObjectFormat, Oid};
use crate::refname::{RefName, RefNameError};
use bytes::Bytes;
use std::collections::HashSet;
use tokio::io::{AsyncRead, AsyncReadExt, BufReader};

/// How much a client may say before its pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveLimits {
    /// The most refs in one push.
    pub commands: usize,
    /// The most `shallow` lines.
    pub shallow: usize,
    /// The most push options.
    pub push_options: usize,
    /// The most bytes in one push option.
    pub push_option_bytes: usize,
}

impl Default for ReceiveLimits {
    fn default() -> Self {
        Self {
            commands: 100_000,
            shallow: 10_000,
            push_options: 32,
            push_option_bytes: 1024,
        }
    }
}

/// One change of one ref that a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefUpdate {
    /// Which ref.
    pub name: RefName,
    /// What it names now, as the client believes; zero where it is to be created.
    pub old: Oid,
    /// What it shall name; zero where it is to be deleted.
    pub new: Oid,
}

impl RefUpdate {
    /// Whether the client believes that the ref does not exist yet.
    pub fn is_create(&self) -> bool {
        self.old.is_zero()
    }

    /// Whether the ref shall go.
    pub fn is_delete(&self) -> bool {
        self.new.is_zero()
    }
}

/// A change of something that cannot be a ref; to be reported as such beside the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedUpdate {
    /// The name as the client wrote it.
    pub name: Bytes,
    /// What is wrong with it.
    pub reason: RefNameError,
}

/// What a client asks for, before its pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiveRequest {
    /// The changes that can be considered; no ref occurs twice.
    pub updates: Vec<RefUpdate>,
    /// The changes that cannot be.
    pub refused: Vec<RefusedUpdate>,
    /// Whether a pack follows; it does unless every command is a deletion.
    pub expects_pack: bool,
    /// Whether all changes are to be made or none.
    pub atomic: bool,
    /// What the pusher gave with `-o`: UTF-8 without control characters.
    pub push_options: Vec<String>,
    /// Where the pusher's history is cut off.
    pub shallow: Vec<Oid>,
    /// How the client wants the outcome.
    pub report: ReportKind,
    /// Whether messages can be sent beside the report.
    pub sideband: bool,
    /// Whether the pusher wants no progress.
    pub quiet: bool,
    /// What program the client says it is.
    pub agent: Option<String>,
}

/// Why a request could not be read, in words for the pusher.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The stream ended or failed, or is no git conversation.
    #[error(transparent)]
    Pkt(#[from] PktError),
    /// A command that is none.
    #[error("the client does not speak the git protocol: {0}")]
    Malformed(&'static str),
    /// The client's objects are named by another hash function.
    #[error("this repository names its objects by {0}; the push does by another function")]
    ObjectFormat(ObjectFormat),
    /// More commands than permitted.
    #[error("one push may change at most {limit} refs; push them in several steps")]
    TooManyCommands {
        /// The most.
        limit: usize,
    },
    /// More `shallow` lines than permitted.
    #[error(
        "this clone is cut off at more than {limit} places; run `git fetch --unshallow`, then push again"
    )]
    TooManyShallow {
        /// The most.
        limit: usize,
    },
    /// More push options than permitted.
    #[error("one push may carry at most {limit} push options")]
    TooManyPushOptions {
        /// The most.
        limit: usize,
    },
    /// A push option that is too long.
    #[error("a push option has at most {limit} bytes")]
    PushOptionTooLong {
        /// The most.
        limit: usize,
    },
    /// A push option with a character that none may have.
    #[error("a push option is UTF-8 text on one line, without control characters")]
    PushOptionCharacters,
    /// One ref in two commands.
    #[error("{0} occurs twice in one push")]
    Duplicate(RefName),
    /// A signed push.
    #[error("signed pushes (git push --signed) are not accepted here; push without the signature")]
    Certificate,
}

/// A request that could not be read, with what is needed to say so to the client.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct ReceiveRefusal {
    /// Why.
    #[source]
    pub reason: ReceiveError,
    /// Whether the client reads a side band.
    pub sideband: bool,
}

/// Reads commands and push options, and hands back the stream at the first byte of the pack.
/// None where the client ended the conversation because it has nothing to push.
pub async fn read_request<R: AsyncRead + Unpin>(
    input: R,
    format: ObjectFormat,
    limits: &ReceiveLimits,
) -> Result<Option<(ReceiveRequest, BufReader<R>)>, ReceiveRefusal> {
    let mut input = BufReader::with_capacity(64 * 1024, input);
    let mut request = ReceiveRequest {
        updates: vec![],
        refused: vec![],
        expects_pack: false,
        atomic: false,
        push_options: vec![],
        shallow: vec![],
        report: ReportKind::None,
        sideband: false,
        quiet: false,
        agent: None,
    };
    match read_into(&mut request, &mut input, format, limits).await {
        Ok(true) => Ok(Some((request, input))),
        Ok(false) => Ok(None),
        Err(reason) => Err(ReceiveRefusal {
            reason,
            sideband: request.sideband,
        }),
    }
}

async fn read_into<R: AsyncRead + Unpin>(
    request: &mut ReceiveRequest,
    input: &mut BufReader<R>,
    format: ObjectFormat,
    limits: &ReceiveLimits,
) -> Result<bool, ReceiveError> {
    let mut push_options = None;
    let mut commands = 0;
    let mut seen = HashSet::new();
    loop {
        let line = match pkt::read(input).await? {
            Some(Packet::Data(line)) => line,
            Some(Packet::Flush) => break,
            None if commands == 0 && request.shallow.is_empty() => return Ok(false),
            None => return Err(PktError::Truncated.into()),
            Some(_) => return Err(ReceiveError::Malformed("an unexpected delimiter")),
        };
        let line = chomp(&line);
        if let Some(oid) = line.strip_prefix(b"shallow ") {
            if request.shallow.len() == limits.shallow {
                return Err(ReceiveError::TooManyShallow {
                    limit: limits.shallow,
                });
            }
            request.shallow.push(parse_oid(oid, format)?);
            continue;
        }
        let (line, capabilities) = match line.iter().position(|&b| b == 0) {
            Some(at) => (&line[..at], Some(&line[at + 1..])),
            None => (line, None),
        };
        // Only the first command bears capabilities; later ones are as if they were not there.
        if commands == 0 {
            push_options = Some(read_capabilities(
                request,
                capabilities.unwrap_or_default(),
                format,
            )?);
        }
        if line == b"push-cert" {
            return Err(ReceiveError::Certificate);
        }
        if commands == limits.commands {
            return Err(ReceiveError::TooManyCommands {
                limit: limits.commands,
            });
        }
        commands += 1;
        read_command(request, line, format, &mut seen)?;
    }
    if commands == 0 {
        return Ok(false);
    }
    if push_options == Some(true) {
        read_push_options(request, input, limits).await?;
    }
    Ok(true)
}

fn chomp(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}

fn parse_oid(hex: &[u8], format: ObjectFormat) -> Result<Oid, ReceiveError> {
    std::str::from_utf8(hex)
        .ok()
        .and_then(|hex| Oid::parse(hex, format).ok())
        .ok_or(ReceiveError::Malformed("an object id that is none"))
}

/// Takes the client's capabilities over; true where push options follow.
fn read_capabilities(
    request: &mut ReceiveRequest,
    capabilities: &[u8],
    format: ObjectFormat,
) -> Result<bool, ReceiveError> {
    let mut push_options = false;
    let mut client_format = ObjectFormat::Sha1;
    let text = String::from_utf8_lossy(capabilities);
    for capability in text.split(' ').filter(|word| !word.is_empty()) {
        match capability.split_once('=').unwrap_or((capability, "")) {
            ("report-status", "") if request.report == ReportKind::None => {
                request.report = ReportKind::V1;
            }
            ("report-status-v2", "") => request.report = ReportKind::V2,
            ("side-band-64k", "") => request.sideband = true,
            ("quiet", "") => request.quiet = true,
            ("atomic", "") => request.atomic = true,
            ("push-options", "") => push_options = true,
            ("object-format", name) => {
                client_format = name.parse().map_err(|_| ReceiveError::ObjectFormat(format))?;
            }
            ("agent", name) => {
                let name = name.chars().filter(|c| !c.is_control()).take(128);
                request.agent = Some(name.collect());
            }
            // What the server did not offer has no meaning; clients may say more than that.
            _ => {}
        }
    }
    if client_format != format {
        return Err(ReceiveError::ObjectFormat(format));
    }
    Ok(push_options)
}

fn read_command(
    request: &mut ReceiveRequest,
    line: &[u8],
    format: ObjectFormat,
    seen: &mut HashSet<RefName>,
) -> Result<(), ReceiveError> {
    let hex = format.hex_len();
    let shape = ReceiveError::Malformed("a command that is none");
    if line.len() < 2 * hex + 3 || line[hex] != b' ' || line[2 * hex + 1] != b' ' {
        return Err(shape);
    }
    let old = parse_oid(&line[..hex], format)?;
    let new = parse_oid(&line[hex + 1..2 * hex + 1], format)?;
    let name = &line[2 * hex + 2..];
    // The name is echoed in the report; a control character could forge a line of it.
    if name.iter().any(|b| b.is_ascii_control()) {
        return Err(shape);
    }
    request.expects_pack |= !new.is_zero();
    match RefName::from_wire(name) {
        Ok(name) if !seen.insert(name.clone()) => return Err(ReceiveError::Duplicate(name)),
        Ok(name) => request.updates.push(RefUpdate { name, old, new }),
        Err(reason) => request.refused.push(RefusedUpdate {
            name: Bytes::copy_from_slice(name),
            reason,
        }),
    }
    Ok(())
}

async fn read_push_options<R: AsyncRead + Unpin>(
    request: &mut ReceiveRequest,
    input: &mut BufReader<R>,
    limits: &ReceiveLimits,
) -> Result<(), ReceiveError> {
    loop {
        let option = match pkt::read(input).await? {
            Some(Packet::Data(option)) => option,
            Some(Packet::Flush) => return Ok(()),
            Some(_) => return Err(ReceiveError::Malformed("an unexpected delimiter")),
            None => return Err(PktError::Truncated.into()),
        };
        let option = chomp(&option);
        if request.push_options.len() == limits.push_options {
            return Err(ReceiveError::TooManyPushOptions {
                limit: limits.push_options,
            });
        }
        if option.len() > limits.push_option_bytes {
            return Err(ReceiveError::PushOptionTooLong {
                limit: limits.push_option_bytes,
            });
        }
        let option = std::str::from_utf8(option)
            .ok()
            .filter(|text| !text.chars().any(char::is_control))
            .ok_or(ReceiveError::PushOptionCharacters)?;
        request.push_options.push(option.to_owned());
    }
}

/// Reads and forgets what a client still sends, up to a number of bytes, so that one that writes
/// before it reads gets to see why it was refused.
pub async fn drain<R: AsyncRead + Unpin>(input: &mut R, max_bytes: u64) -> std::io::Result<()> {
    tokio::io::copy(&mut input.take(max_bytes), &mut tokio::io::sink())
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: &str = "a9993e364706816aba3e25717850c26c9cd0d89d";
    const B: &str = "84983e441c3bd26ebaae4aa1f95129e5e54670f1";
    const ZERO: &str = "0000000000000000000000000000000000000000";

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(future)
    }

    fn conversation(lines: &[&str], rest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![];
        for line in lines {
            match *line {
                "" => bytes.extend_from_slice(pkt::FLUSH),
                line => pkt::append(&mut bytes, line.as_bytes()),
            }
        }
        bytes.extend_from_slice(rest);
        bytes
    }

    fn read(lines: &[&str], rest: &[u8]) -> Result<Option<(ReceiveRequest, Vec<u8>)>, ReceiveRefusal> {
        let bytes = conversation(lines, rest);
        let limits = ReceiveLimits {
            commands: 3,
            shallow: 1,
            push_options: 2,
            push_option_bytes: 8,
        };
        block_on(async {
            let Some((request, mut input)) = read_request(&bytes[..], ObjectFormat::Sha1, &limits).await?
            else {
                return Ok(None);
            };
            let mut pack = vec![];
            input.read_to_end(&mut pack).await.unwrap();
            Ok(Some((request, pack)))
        })
    }

    #[test]
    fn a_push_is_read() {
        let (request, pack) = read(
            &[
                &format!("shallow {A}"),
                &format!(
                    "{ZERO} {A} refs/heads/main\0 report-status report-status-v2 side-band-64k atomic quiet push-options object-format=sha1 agent=git/2.47.3"
                ),
                &format!("{A} {B} refs/heads/x\n"),
                &format!("{A} {ZERO} refs/heads/a..b"),
                "",
                "a=b;c",
                "d",
                "",
            ],
            b"PACK...",
        )
        .unwrap()
        .unwrap();
        assert_eq!(pack, b"PACK...");
        let update = |name: &str, old: &str, new: &str| RefUpdate {
            name: name.parse().unwrap(),
            old: old.parse().unwrap(),
            new: new.parse().unwrap(),
        };
        let refused = RefusedUpdate {
            name: "refs/heads/a..b".into(),
            reason: crate::refname::check("refs/heads/a..b").unwrap_err(),
        };
        assert_eq!(
            request,
            ReceiveRequest {
                updates: vec![update("refs/heads/main", ZERO, A), update("refs/heads/x", A, B)],
                refused: vec![refused],
                expects_pack: true,
                atomic: true,
                push_options: vec!["a=b;c".into(), "d".into()],
                shallow: vec![A.parse().unwrap()],
                report: ReportKind::V2,
                sideband: true,
                quiet: true,
                agent: Some("git/2.47.3".into()),
            }
        );
        assert!(request.updates[0].is_create() && !request.updates[1].is_delete());
    }

    #[test]
    fn a_deletion_needs_no_pack() {
        let line = format!("{A} {ZERO} refs/heads/x\0report-status");
        let (request, _) = read(&[&line, ""], b"").unwrap().unwrap();
        assert!(!request.expects_pack);
        assert!(request.updates[0].is_delete());
        assert_eq!(request.report, ReportKind::V1);
    }

    #[test]
    fn nothing_to_push_is_no_error() {
        assert!(read(&[""], b"").unwrap().is_none());
        assert!(read(&[], b"").unwrap().is_none());
    }

    #[test]
    fn bad_requests_are_refused() {
        let caps = "\0report-status side-band-64k push-options";
        let command = |name: &str| format!("{A} {B} refs/heads/{name}");
        let first = command(&format!("a{caps}"));
        let cases: &[(Vec<String>, &[u8], &str)] = &[
            (vec![first.clone()], b"", "ended in the middle"),
            (vec![first.clone()], b"00", "ended in the middle"),
            (vec![first.clone()], b"zzzz", "does not speak the git protocol"),
            (vec![first.clone(), command("a"), "".into()], b"", "occurs twice"),
            (
                vec![first.clone(), command("b"), command("c"), command("d")],
                b"",
                "at most 3 refs",
            ),
            (
                vec![format!("shallow {A}"), format!("shallow {B}")],
                b"",
                "more than 1 places",
            ),
            (
                vec![first.clone(), "".into(), "a".into(), "b".into(), "c".into()],
                b"",
                "at most 2 push options",
            ),
            (
                vec![first.clone(), "".into(), "123456789".into()],
                b"",
                "at most 8 bytes",
            ),
            (vec![first.clone(), "".into(), "a\nb".into()], b"", "on one line"),
            (vec![first.clone(), "".into(), "a\0b".into()], b"", "on one line"),
            (
                vec![first.clone(), "".into(), "a".into()],
                b"",
                "ended in the middle",
            ),
            (vec![format!("push-cert{caps}")], b"", "signed pushes"),
            (
                vec![format!("{} {B} refs/heads/a", "z".repeat(40))],
                b"",
                "object id that is none",
            ),
            (vec![format!("{A} {B}")], b"", "a command that is none"),
            (vec![format!("{A} {B} ")], b"", "a command that is none"),
            (
                vec![format!("{A}  {B} refs/heads/a")],
                b"",
                "a command that is none",
            ),
            (vec![command("a\nb")], b"", "a command that is none"),
            (
                vec![format!("{first} object-format=sha256")],
                b"",
                "names its objects by sha1",
            ),
            (vec!["hello".into()], b"", "a command that is none"),
        ];
        for (lines, rest, expected) in cases {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let refusal = read(&lines, rest).unwrap_err();
            assert!(
                refusal.to_string().contains(expected),
                "{lines:?}: {refusal}, not {expected}"
            );
            assert_eq!(refusal.sideband, lines[0].contains("side-band-64k"), "{lines:?}");
        }
    }

    #[test]
    fn a_push_of_100_000_refs_is_read_quickly() {
        let mut bytes = vec![];
        for n in 0..100_000 {
            let caps = if n == 0 { "\0report-status" } else { "" };
            pkt::append(&mut bytes, format!("{ZERO} {A} refs/heads/b{n}{caps}").as_bytes());
        }
        bytes.extend_from_slice(pkt::FLUSH);
        let begin = std::time::Instant::now();
        let limits = ReceiveLimits::default();
        let read = block_on(read_request(&bytes[..], ObjectFormat::Sha1, &limits));
        assert_eq!(read.unwrap().unwrap().0.updates.len(), 100_000);
        assert!(begin.elapsed().as_secs() < 5, "{:?}", begin.elapsed());
    }

    proptest! {
        #[test]
        fn no_request_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), n in 0..200usize) {
            let mut tail = conversation(&[&format!("{A} {B} refs/heads/x\0push-options")], b"");
            tail.truncate(n);
            tail.extend_from_slice(&bytes);
            let _ = block_on(read_request(&tail[..], ObjectFormat::Sha1, &ReceiveLimits::default()));
        }
    }
}
