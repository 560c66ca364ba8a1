//! The PROXY protocol, versions 1 and 2: a balancer's word for the address of its client.
//!
//! Source: haproxy.org/download/3.0/doc/proxy-protocol.txt, sections 2.1 and 2.2.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tokio::io::{AsyncRead, AsyncReadExt};

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1, with its line feed.
const MAX_LINE_BYTES: usize = 107;
/// The longest version 2 header that is read: addresses and a few extensions.
const MAX_EXTENT_BYTES: usize = 2048;

/// Reads the header, and not one byte more. Answers the client's address, or none where the
/// balancer speaks for itself (a health check) or does not know.
pub(crate) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Option<IpAddr>> {
    let mut start = [0; 12];
    stream.read_exact(&mut start).await?;
    if start == SIGNATURE {
        return version_2(stream).await;
    }
    if !start.starts_with(b"PROXY ") {
        return Err(wrong("the connection does not begin with a PROXY header"));
    }
    let mut line = start.to_vec();
    // One byte at a time: what follows the line belongs to SSH.
    while !line.ends_with(b"\r\n") {
        if line.len() == MAX_LINE_BYTES {
            return Err(wrong("the PROXY line is too long"));
        }
        line.push(stream.read_u8().await?);
    }
    version_1(&line[..line.len() - 2])
}

fn version_1(line: &[u8]) -> io::Result<Option<IpAddr>> {
    let malformed = || wrong("the PROXY line is malformed");
    let line = std::str::from_utf8(line).map_err(|_| malformed())?;
    let words: Vec<&str> = line.split(' ').skip(1).collect();
    match words[..] {
        ["UNKNOWN", ..] => Ok(None),
        ["TCP4", source, _, _, _] => {
            let source: Ipv4Addr = source.parse().map_err(|_| malformed())?;
            Ok(Some(source.into()))
        }
        ["TCP6", source, _, _, _] => {
            let source: Ipv6Addr = source.parse().map_err(|_| malformed())?;
            Ok(Some(IpAddr::V6(source).to_canonical()))
        }
        _ => Err(malformed()),
    }
}

async fn version_2<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Option<IpAddr>> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let [version_and_command, family, high, low] = head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if version_and_command >> 4 != 2 || length > MAX_EXTENT_BYTES {
        return Err(wrong("the PROXY header is malformed"));
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    match version_and_command & 0xf {
        0 => return Ok(None),
        1 => {}
        _ => return Err(wrong("the PROXY command is unknown")),
    }
    match family {
        0x11 if length >= 12 => {
            let source: [u8; 4] = rest[..4].try_into().expect("because four bytes were cut");
            Ok(Some(Ipv4Addr::from(source).into()))
        }
        0x21 if length >= 36 => {
            let source: [u8; 16] = rest[..16].try_into().expect("because sixteen bytes were cut");
            Ok(Some(IpAddr::from(source).to_canonical()))
        }
        0x11 | 0x21 => Err(wrong("the PROXY header is too short")),
        _ => Ok(None),
    }
}

fn wrong(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_all(bytes: &[u8]) -> (Result<Option<IpAddr>, String>, Vec<u8>) {
        let mut stream = bytes;
        let result = read(&mut stream).await.map_err(|error| error.to_string());
        (result, stream.to_vec())
    }

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([0x20 | command, family]);
        bytes.extend(u16::try_from(rest.len()).expect("short").to_be_bytes());
        bytes.extend(rest);
        bytes
    }

    #[tokio::test]
    async fn both_versions_name_the_client_and_leave_the_rest() {
        let v4 = v2(1, 0x11, &[192, 0, 2, 7, 10, 0, 0, 1, 0, 9, 0, 22]);
        let mut v6_rest = vec![0x20, 1, 0xd, 0xb8];
        v6_rest.resize(36, 0);
        let v6 = v2(1, 0x21, &v6_rest);
        for (header, address) in [
            (&b"PROXY TCP4 192.0.2.7 10.0.0.1 9 22\r\n"[..], Some("192.0.2.7")),
            (b"PROXY TCP6 2001:db8::7 ::1 9 22\r\n", Some("2001:db8::7")),
            (b"PROXY UNKNOWN\r\n", None),
            (b"PROXY UNKNOWN a b c d\r\n", None),
            (&v4, Some("192.0.2.7")),
            (&v6, Some("2001:db8::")),
            (&v2(0, 0, &[]), None),
            (&v2(1, 0x31, &[0; 216]), None),
        ] {
            let mut bytes = header.to_vec();
            bytes.extend(b"SSH-2.0-x\r\n");
            let (result, rest) = read_all(&bytes).await;
            let address = address.map(|text| text.parse().expect("an address"));
            assert_eq!(result, Ok(address), "{}", header.escape_ascii());
            assert_eq!(rest, b"SSH-2.0-x\r\n");
        }
    }

    #[tokio::test]
    async fn anything_else_is_refused() {
        let mut endless = b"PROXY TCP4 ".to_vec();
        endless.resize(4096, b'1');
        let mut version_1_signature = v2(1, 0x11, &[0; 12]);
        version_1_signature[12] = 0x11;
        for bytes in [
            &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
            b"PROXY TCP4 192.0.2.7 10.0.0.1 9\r\n",
            b"PROXY TCP4 ::1 10.0.0.1 9 22\r\n",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 9 22 x\r\n",
            b"PROXY \xff\xff 192.0.2.7\r\n",
            b"PROXY TCP4 192.0.2.7",
            &endless,
            &version_1_signature,
            &v2(2, 0x11, &[0; 12]),
            &v2(1, 0x11, &[0; 11]),
            &v2(1, 0x21, &[0; 12]),
            &v2(1, 0x11, &[0; 4096]),
        ] {
            let (result, _) = read_all(bytes).await;
            assert!(result.is_err(), "{}", bytes.escape_ascii());
        }
    }
}
