//! The server's first words to a client that wants to push: its refs, and what it can do.
//!
//! Source: `gitprotocol-pack`, "Reference Discovery". It speaks versions 0 and 1; git has no
//! version 2 of pushing.

use super::{Protocol, pkt};
use crate::oid::{ObjectFormat, Oid};
use crate::refname::RefName;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// What the server tells a client that wants to push.
#[derive(Clone, Copy, Debug)]
pub struct Advertisement<'a> {
    /// The repository's hash function.
    pub format: ObjectFormat,
    /// What the client asked for; version 2 is answered as version 0, as git does.
    pub protocol: &'a Protocol,
    /// Whether it answers `GET info/refs`, which has a header of its own.
    pub smart_http: bool,
    /// Every ref, in the order of their names.
    pub refs: &'a [(RefName, Oid)],
    /// The program's name and version, as `plue/0.1.0`.
    pub agent: &'a str,
}

/// Writes the advertisement, ready for the client's commands.
pub async fn advertise<W: AsyncWrite + Unpin>(
    out: &mut W,
    advertisement: &Advertisement<'_>,
) -> std::io::Result<()> {
    let Advertisement { format, agent, .. } = advertisement;
    let capabilities = format!(
        "\0report-status report-status-v2 delete-refs side-band-64k quiet atomic ofs-delta \
         push-options object-format={format} agent={agent}\n"
    );
    let mut buffer = Vec::with_capacity(64 * 1024);
    if advertisement.smart_http {
        pkt::append(&mut buffer, b"# service=git-receive-pack\n");
        buffer.extend_from_slice(pkt::FLUSH);
    }
    if advertisement.protocol.version() == 1 {
        pkt::append(&mut buffer, b"version 1\n");
    }
    let mut hex = Vec::with_capacity(format.hex_len());
    let mut end = capabilities.as_bytes();
    if advertisement.refs.is_empty() {
        Oid::zero(*format).write_hex(&mut hex);
        pkt::append_parts(&mut buffer, &[&hex, b" capabilities^{}", end]);
    }
    for (name, oid) in advertisement.refs {
        hex.clear();
        oid.write_hex(&mut hex);
        pkt::append_parts(&mut buffer, &[&hex, b" ", name.as_str().as_bytes(), end]);
        end = b"\n";
        if buffer.len() > 60 * 1024 {
            out.write_all(&buffer).await?;
            buffer.clear();
        }
    }
    buffer.extend_from_slice(pkt::FLUSH);
    out.write_all(&buffer).await?;
    out.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "a9993e364706816aba3e25717850c26c9cd0d89d";
    const B: &str = "84983e441c3bd26ebaae4aa1f95129e5e54670f1";
    const ZERO: &str = "0000000000000000000000000000000000000000";

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(future)
    }

    fn advertised(refs: &[(RefName, Oid)], protocol: &str, smart_http: bool) -> String {
        let mut out = vec![];
        block_on(advertise(
            &mut out,
            &Advertisement {
                format: ObjectFormat::Sha1,
                protocol: &Protocol::parse(protocol).unwrap(),
                smart_http,
                refs,
                agent: "plue/0",
            },
        ))
        .unwrap();
        String::from_utf8(out).unwrap()
    }

    fn packet(text: &str) -> String {
        format!("{:04x}{text}", text.len() + 4)
    }

    #[test]
    fn advertisements() {
        let caps = "\0report-status report-status-v2 delete-refs side-band-64k quiet atomic ofs-delta push-options object-format=sha1 agent=plue/0\n";
        assert_eq!(
            advertised(&[], "version=0", false),
            format!("{}0000", packet(&format!("{ZERO} capabilities^{{}}{caps}")))
        );
        let refs = [
            ("refs/heads/main".parse().unwrap(), A.parse().unwrap()),
            ("refs/tags/v1".parse().unwrap(), B.parse().unwrap()),
        ];
        assert_eq!(
            advertised(&refs, "version=1", true),
            [
                "001f# service=git-receive-pack\n0000",
                "000eversion 1\n",
                &packet(&format!("{A} refs/heads/main{caps}")),
                &packet(&format!("{B} refs/tags/v1\n")),
                "0000",
            ]
            .concat()
        );
    }
}
