//! The frames of [`plue_contract::bridge`], to and from bytes.

use bytes::{Buf, Bytes, BytesMut};
use plue_contract::bridge::{Frame, MAX_FRAME_BYTES, Stream};

/// The frames that carry `payload`, as many as it needs; an empty payload needs none. The last
/// frame of all is [`encode_exit`]'s.
pub fn encode(stream: Stream, mut payload: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        if payload.is_empty() {
            return None;
        }
        let piece = payload.split_to(payload.len().min(MAX_FRAME_BYTES));
        let head = Frame {
            stream,
            length: piece.len(),
        };
        let mut frame = BytesMut::with_capacity(Frame::HEAD_BYTES + piece.len());
        frame.extend_from_slice(&head.encode());
        frame.extend_from_slice(&piece);
        Some(frame.freeze())
    })
}

/// The last frame.
pub fn encode_exit(status: u32) -> Bytes {
    let head = Frame {
        stream: Stream::Exit,
        length: 4,
    };
    let mut frame = BytesMut::with_capacity(Frame::HEAD_BYTES + 4);
    frame.extend_from_slice(&head.encode());
    frame.extend_from_slice(&status.to_be_bytes());
    frame.freeze()
}

/// What a stream of frames says next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Bytes for one of the client's streams; a frame's payload may come in parts.
    Bytes(Stream, Bytes),
    /// The exit status; nothing follows.
    Exit(u32),
}

/// Reads frames out of pieces that begin and end anywhere.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    head: BytesMut,
    open: Option<(Stream, usize)>,
}

/// The stream is not made of frames.
#[derive(Debug, thiserror::Error)]
#[error("the coordinator's answer is not made of frames")]
pub(crate) struct Unframed;

impl Decoder {
    /// Takes what it can out of `piece`; none where it needs more.
    pub(crate) fn next(&mut self, piece: &mut Bytes) -> Result<Option<Said>, Unframed> {
        loop {
            match self.open {
                Some((Stream::Exit, _)) => {
                    let missing = 4 - self.head.len();
                    self.head
                        .extend_from_slice(&piece.split_to(missing.min(piece.len())));
                    if self.head.len() < 4 {
                        return Ok(None);
                    }
                    self.open = None;
                    return Ok(Some(Said::Exit(self.head.get_u32())));
                }
                Some((stream, left)) => {
                    if left == 0 {
                        self.open = None;
                        continue;
                    }
                    if piece.is_empty() {
                        return Ok(None);
                    }
                    let bytes = piece.split_to(left.min(piece.len()));
                    self.open = Some((stream, left - bytes.len()));
                    return Ok(Some(Said::Bytes(stream, bytes)));
                }
                None => {
                    let missing = Frame::HEAD_BYTES - self.head.len();
                    self.head
                        .extend_from_slice(&piece.split_to(missing.min(piece.len())));
                    let Ok(head) = <[u8; Frame::HEAD_BYTES]>::try_from(&self.head[..]) else {
                        return Ok(None);
                    };
                    self.head.clear();
                    let frame = Frame::decode(head).ok_or(Unframed)?;
                    self.open = Some((frame.stream, frame.length));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_any_cut() {
        let long = Bytes::from(vec![7; MAX_FRAME_BYTES + 3]);
        let mut wire = BytesMut::new();
        wire.extend(encode(Stream::Output, "hello".into()));
        wire.extend(encode(Stream::Error, Bytes::new()));
        wire.extend(encode(Stream::Error, "oh".into()));
        wire.extend(encode(Stream::Output, long.clone()));
        wire.extend([encode_exit(0x0102_0304)]);
        let wire = wire.freeze();
        for cut in [1, 2, 3, 4, 5, 6, 7, 9, 64, 65_000, wire.len()] {
            let mut decoder = Decoder::default();
            let (mut output, mut errors, mut exit) = (Vec::new(), Vec::new(), None);
            for piece in wire.chunks(cut) {
                let mut piece = Bytes::copy_from_slice(piece);
                while let Some(said) = decoder.next(&mut piece).expect("frames") {
                    match said {
                        Said::Bytes(Stream::Output, bytes) => output.extend_from_slice(&bytes),
                        Said::Bytes(_, bytes) => errors.extend_from_slice(&bytes),
                        Said::Exit(status) => exit = Some(status),
                    }
                }
                assert!(piece.is_empty());
            }
            assert_eq!(output, [&b"hello"[..], &long].concat(), "cut {cut}");
            assert_eq!(errors, b"oh");
            assert_eq!(exit, Some(0x0102_0304));
        }
        let mut noise = Bytes::from_static(b"HTTP/1.1 500");
        assert!(Decoder::default().next(&mut noise).is_err());
    }
}
