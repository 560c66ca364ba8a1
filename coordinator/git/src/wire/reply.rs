//! The server's side of `receive-pack` after the pack: what the pusher reads while it works, and
//! the report at the end.
//!
//! Source: `gitprotocol-pack`, "Report Status", and `gitprotocol-capabilities`, "side-band-64k".

use super::pkt;
use super::receive::ReceiveRequest;
use crate::oid::Oid;
use crate::refname::RefName;
use bytes::Bytes;
use std::borrow::Cow;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// The largest packet of `side-band-64k`, its head included.
const MAX_PACKET: usize = 65_520;

/// How a client wants the outcome of its push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    /// Not at all.
    None,
    /// `report-status`.
    V1,
    /// `report-status-v2`, which can say that something else happened than was asked.
    V2,
}

/// The outcome of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whether the pack was taken in, or why not.
    pub unpack: Result<(), String>,
    /// What became of each ref.
    pub refs: Vec<RefReport>,
}

/// What became of one ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefReport {
    /// The name as the client wrote it.
    pub name: Bytes,
    /// Done, perhaps otherwise than asked; or why not.
    pub outcome: Result<Vec<ReportOption>, String>,
}

/// How what was done differs from what was asked; only a `report-status-v2` client reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportOption {
    /// Another ref was changed.
    RefName(RefName),
    /// The ref had another value before.
    OldOid(Oid),
    /// The ref has another value now.
    NewOid(Oid),
    /// The change was not a fast-forward.
    ForcedUpdate,
}

impl RefReport {
    /// Says that what was asked was done.
    pub fn ok(name: &RefName) -> Self {
        Self {
            name: Bytes::copy_from_slice(name.as_str().as_bytes()),
            outcome: Ok(vec![]),
        }
    }

    /// Says why nothing was done to this ref.
    pub fn refused(name: impl Into<Bytes>, why: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            outcome: Err(why.into()),
        }
    }
}

/// The pusher's end of the line.
#[derive(Debug)]
pub struct Reply<W> {
    out: W,
    sideband: bool,
    report: ReportKind,
    quiet: bool,
}

impl<W: AsyncWrite + Unpin> Reply<W> {
    /// Answers a client that understands this much.
    pub fn new(out: W, sideband: bool, report: ReportKind, quiet: bool) -> Self {
        Self {
            out,
            sideband,
            report,
            quiet,
        }
    }

    /// Answers this request.
    pub fn for_request(out: W, request: &ReceiveRequest) -> Self {
        Self::new(out, request.sideband, request.report, request.quiet)
    }

    /// Whether the pusher wants to see progress, and can.
    pub fn wants_progress(&self) -> bool {
        self.sideband && !self.quiet
    }

    /// Shows text on the pusher's screen, where git puts `remote: ` before each line; nothing
    /// without a side band. Control characters other than line ends and tabs become `?`.
    pub async fn progress(&mut self, text: &str) -> std::io::Result<()> {
        self.progress_bytes(text.as_bytes()).await
    }

    /// Shows bytes as [`Self::progress`] does.
    pub async fn progress_bytes(&mut self, text: &[u8]) -> std::io::Result<()> {
        if !self.sideband || text.is_empty() {
            return Ok(());
        }
        pkt::write_band(&mut self.out, 2, &printable(text), MAX_PACKET).await?;
        self.out.flush().await
    }

    /// Sends an empty packet, so that nobody between here and there takes the line for dead.
    pub async fn keep_alive(&mut self) -> std::io::Result<()> {
        if !self.sideband {
            return Ok(());
        }
        self.out.write_all(b"0005\x01").await?;
        self.out.flush().await
    }

    /// Ends the conversation with an error; for what comes before there is anything to report.
    pub async fn fatal(mut self, message: &str) -> std::io::Result<()> {
        let message = printable(message.as_bytes());
        if self.sideband {
            pkt::write_band(&mut self.out, 3, &message, MAX_PACKET).await?;
            self.out.write_all(pkt::FLUSH).await?;
        } else {
            let end = message.len().min(pkt::MAX_PAYLOAD - 4);
            let mut packet = vec![];
            pkt::append_parts(&mut packet, &[b"ERR ", &message[..end]]);
            self.out.write_all(&packet).await?;
        }
        self.out.flush().await
    }

    /// Ends the conversation with the report, and gives the stream back.
    pub async fn finish(mut self, report: &Report) -> std::io::Result<W> {
        let lines = self.lines(report);
        if self.sideband {
            pkt::write_band(&mut self.out, 1, &lines, MAX_PACKET).await?;
            self.out.write_all(pkt::FLUSH).await?;
        } else {
            self.out.write_all(&lines).await?;
        }
        self.out.flush().await?;
        Ok(self.out)
    }

    fn lines(&self, report: &Report) -> Vec<u8> {
        let mut lines = Vec::with_capacity(64 * (report.refs.len() + 1));
        if self.report == ReportKind::None {
            return lines;
        }
        let mut line = |parts: &[&[u8]]| pkt::append_parts(&mut lines, parts);
        match &report.unpack {
            Ok(()) => line(&[b"unpack ok\n"]),
            Err(why) => line(&[b"unpack ", one_line(why).as_bytes(), b"\n"]),
        }
        for RefReport { name, outcome } in &report.refs {
            let options = match outcome {
                Ok(options) => options,
                Err(why) => {
                    line(&[b"ng ", name, b" ", one_line(why).as_bytes(), b"\n"]);
                    continue;
                }
            };
            line(&[b"ok ", name, b"\n"]);
            if self.report == ReportKind::V2 {
                for option in options {
                    let text = match option {
                        ReportOption::RefName(name) => format!("option refname {name}\n"),
                        ReportOption::OldOid(oid) => format!("option old-oid {oid}\n"),
                        ReportOption::NewOid(oid) => format!("option new-oid {oid}\n"),
                        ReportOption::ForcedUpdate => "option forced-update\n".to_owned(),
                    };
                    line(&[text.as_bytes()]);
                }
            }
        }
        lines.extend_from_slice(pkt::FLUSH);
        lines
    }
}

fn printable(text: &[u8]) -> Cow<'_, [u8]> {
    let bad = |b: u8| b.is_ascii_control() && !matches!(b, b'\n' | b'\r' | b'\t');
    if !text.iter().any(|&b| bad(b)) {
        return Cow::Borrowed(text);
    }
    text.iter().map(|&b| if bad(b) { b'?' } else { b }).collect()
}

/// A reason as it fits one line of a report.
fn one_line(text: &str) -> String {
    text.trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(1000)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(future)
    }

    fn report() -> Report {
        let name: RefName = "refs/heads/main".parse().unwrap();
        Report {
            unpack: Ok(()),
            refs: vec![
                RefReport {
                    outcome: Ok(vec![ReportOption::ForcedUpdate]),
                    ..RefReport::ok(&name)
                },
                RefReport::refused("refs/heads/x", "protected\nok refs/heads/y"),
            ],
        }
    }

    #[test]
    fn reports_of_each_kind() {
        let lines = "000eunpack ok\n0017ok refs/heads/main\n";
        let option = "0019option forced-update\n";
        let ng = "002eng refs/heads/x protected ok refs/heads/y\n";
        for (kind, expected) in [
            (ReportKind::None, String::new()),
            (ReportKind::V1, format!("{lines}{ng}0000")),
            (ReportKind::V2, format!("{lines}{option}{ng}0000")),
        ] {
            let plain = block_on(Reply::new(vec![], false, kind, false).finish(&report())).unwrap();
            assert_eq!(String::from_utf8(plain).unwrap(), expected);
            let banded = block_on(Reply::new(vec![], true, kind, false).finish(&report())).unwrap();
            let expected = match expected.len() {
                0 => "0000".to_owned(),
                n => format!("{:04x}\x01{expected}0000", n + 5),
            };
            assert_eq!(String::from_utf8(banded).unwrap(), expected);
        }
    }

    #[test]
    fn what_the_pusher_sees() {
        let mut out = vec![];
        block_on(async {
            let mut reply = Reply::new(&mut out, true, ReportKind::V1, false);
            reply.progress("a\x1b[2J\n").await.unwrap();
            reply.keep_alive().await.unwrap();
            reply.fatal("no").await.unwrap();
        });
        assert_eq!(out, b"000b\x02a?[2J\n0005\x010007\x03no0000");
        let mut out = vec![];
        block_on(async {
            let mut reply = Reply::new(&mut out, false, ReportKind::V1, false);
            reply.progress("unseen\n").await.unwrap();
            reply.keep_alive().await.unwrap();
            reply.fatal("no").await.unwrap();
        });
        assert_eq!(out, b"000aERR no");
    }

    #[test]
    fn long_messages_are_cut_into_packets() {
        let mut out = vec![];
        let text = "x".repeat(150_000);
        let mut reply = Reply::new(&mut out, true, ReportKind::V1, false);
        block_on(reply.progress(&text)).unwrap();
        assert_eq!(&out[..5], b"fff0\x02");
        assert_eq!(out.len(), 150_000 + 3 * 5);
    }
}
