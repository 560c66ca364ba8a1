//! Pkt-lines: the frames in which every git conversation travels.
//!
//! Source: `gitprotocol-common`, "pkt-line Format".

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The most bytes of payload that one packet carries.
pub const MAX_PAYLOAD: usize = 65_516;
/// The flush packet.
pub const FLUSH: &[u8; 4] = b"0000";

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// A payload, as it came: its final newline is still there.
    Data(Bytes),
    /// `0000`.
    Flush,
    /// `0001`.
    Delimiter,
    /// `0002`.
    ResponseEnd,
}

/// Why a packet could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PktError {
    /// The stream ended inside a packet, or where one had to follow.
    #[error("the connection ended in the middle of a message")]
    Truncated,
    /// Four bytes that are no length, or a length that no packet has.
    #[error("the client does not speak the git protocol")]
    Length,
    /// The stream failed.
    #[error("the connection failed")]
    Io(#[from] std::io::Error),
}

/// Reads one packet; none where the stream ends before it.
pub async fn read<R: AsyncBufRead + Unpin>(input: &mut R) -> Result<Option<Packet>, PktError> {
    if input.fill_buf().await?.is_empty() {
        return Ok(None);
    }
    let mut head = [0; 4];
    fill(input, &mut head).await?;
    let length = head
        .iter()
        .try_fold(0, |sum, &digit| Some(sum << 4 | (digit as char).to_digit(16)?))
        .ok_or(PktError::Length)?;
    Ok(Some(match length {
        0 => Packet::Flush,
        1 => Packet::Delimiter,
        2 => Packet::ResponseEnd,
        3 => return Err(PktError::Length),
        _ => {
            let length = length as usize - 4;
            if length > MAX_PAYLOAD {
                return Err(PktError::Length);
            }
            let mut payload = BytesMut::zeroed(length);
            fill(input, &mut payload).await?;
            Packet::Data(payload.freeze())
        }
    }))
}

async fn fill<R: AsyncBufRead + Unpin>(input: &mut R, target: &mut [u8]) -> Result<(), PktError> {
    match input.read_exact(target).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(PktError::Truncated),
        Err(error) => Err(error.into()),
    }
}

/// Appends one packet with this payload, which is at most [`MAX_PAYLOAD`] bytes.
pub fn append(out: &mut Vec<u8>, payload: &[u8]) {
    append_parts(out, &[payload]);
}

/// Appends one packet whose payload is these parts together.
pub fn append_parts(out: &mut Vec<u8>, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    debug_assert!(
        length <= MAX_PAYLOAD,
        "a packet carries at most {MAX_PAYLOAD} bytes"
    );
    out.extend_from_slice(format!("{:04x}", length + 4).as_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// Writes bytes to a band of a side-band stream, in as many packets as it takes.
pub async fn write_band<W: AsyncWrite + Unpin>(
    out: &mut W,
    band: u8,
    bytes: &[u8],
    max_packet: usize,
) -> std::io::Result<()> {
    let mut packets = Vec::with_capacity(bytes.len() + 16);
    for chunk in bytes.chunks(max_packet - 5) {
        append_parts(&mut packets, &[&[band], chunk]);
    }
    out.write_all(&packets).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_all(bytes: &[u8]) -> Result<Vec<Packet>, PktError> {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(async {
                let mut input = bytes;
                let mut packets = vec![];
                while let Some(packet) = read(&mut input).await? {
                    packets.push(packet);
                }
                Ok(packets)
            })
    }

    #[test]
    fn packets_are_read() {
        assert_eq!(
            read_all(b"0006a\n00000001000200040005x").unwrap(),
            [
                Packet::Data("a\n".into()),
                Packet::Flush,
                Packet::Delimiter,
                Packet::ResponseEnd,
                Packet::Data("".into()),
                Packet::Data("x".into()),
            ]
        );
    }

    #[test]
    fn bad_frames_are_refused() {
        for bad in [&b"0003"[..], b"fff5x", b"ffff", b"GET ", b"+123", b"00-1"] {
            assert!(matches!(read_all(bad), Err(PktError::Length)), "{bad:?}");
        }
        for short in [&b"0"[..], b"000", b"0008abc"] {
            assert!(matches!(read_all(short), Err(PktError::Truncated)), "{short:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_all(&bytes);
        }

        #[test]
        fn what_is_written_is_read(payload in prop::collection::vec(any::<u8>(), 0..2000)) {
            let mut bytes = vec![];
            append(&mut bytes, &payload);
            prop_assert_eq!(read_all(&bytes).unwrap(), [Packet::Data(payload.into())]);
        }
    }
}
