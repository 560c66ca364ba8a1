//! What is said to a git client when its conversation fails after the answer began: HTTP has
//! given its status by then, and only git's own packets reach the terminal.

use bytes::Bytes;

/// The most of a message that goes into one packet, in bytes; every client reads that much.
const MAX_MESSAGE_BYTES: usize = 900;
const HEAD_BYTES: usize = 4;
/// The band whose text ends the conversation and is printed.
const FATAL_BAND: u8 = 3;

/// Follows an answer packet by packet, to know whether and how something can be added to it.
#[derive(Debug)]
pub struct Follow {
    head: [u8; HEAD_BYTES],
    head_bytes: usize,
    left_bytes: usize,
    /// The next byte is a packet's first, which may be its band.
    first: bool,
    banded: bool,
    /// What passes is not packets, or no more.
    lost: bool,
}

impl Follow {
    /// An answer that begins; `banded` says whether its packets have bands before any was seen.
    pub const fn new(banded: bool) -> Self {
        Self {
            head: [0; HEAD_BYTES],
            head_bytes: 0,
            left_bytes: 0,
            first: false,
            banded,
            lost: false,
        }
    }

    /// Sees what is sent.
    pub fn see(&mut self, mut bytes: &[u8]) {
        while !self.lost && !bytes.is_empty() {
            if self.left_bytes > 0 {
                if self.first {
                    self.banded = (1..=FATAL_BAND).contains(&bytes[0]);
                    self.first = false;
                }
                let length = self.left_bytes.min(bytes.len());
                self.left_bytes -= length;
                bytes = &bytes[length..];
                continue;
            }
            self.head[self.head_bytes] = bytes[0];
            self.head_bytes += 1;
            bytes = &bytes[1..];
            if self.head_bytes == HEAD_BYTES {
                self.head_bytes = 0;
                self.begin();
            }
        }
    }

    fn begin(&mut self) {
        let length = std::str::from_utf8(&self.head)
            .ok()
            .and_then(|digits| usize::from_str_radix(digits, 16).ok());
        match length {
            // Flush, delimiter, response end: packets without content.
            Some(0..=2) => {}
            Some(length @ HEAD_BYTES..) => {
                self.left_bytes = length - HEAD_BYTES;
                self.first = self.left_bytes > 0;
            }
            _ => self.lost = true,
        }
    }

    /// The packet that ends the conversation with this message; none in the middle of another
    /// packet, where only breaking off is honest.
    pub fn end(&self, message: &str) -> Option<Bytes> {
        if self.lost || self.left_bytes > 0 || self.head_bytes > 0 {
            return None;
        }
        Some(packet(self.banded, message))
    }
}

/// A packet that ends a conversation with this message.
pub fn packet(banded: bool, message: &str) -> Bytes {
    let mut end = message.len().min(MAX_MESSAGE_BYTES);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    let content = match banded {
        true => format!("\u{3}{}\n", &message[..end]),
        false => format!("ERR {}", &message[..end]),
    };
    format!("{:04x}{content}", content.len() + HEAD_BYTES).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_added_between_packets_in_the_form_of_the_last() {
        let said = |banded, seen: &[&[u8]]| {
            let mut follow = Follow::new(banded);
            seen.iter().for_each(|bytes| follow.see(bytes));
            follow
                .end("so")
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        let plain = Some("000aERR so".to_owned());
        let banded = Some("0008\u{3}so\n".to_owned());
        assert_eq!(said(false, &[]), plain);
        assert_eq!(said(true, &[]), banded);
        assert_eq!(said(false, &[b"0008NAK\n"]), plain);
        assert_eq!(said(false, &[b"0008NAK\n", b"0006\x01x"]), banded);
        assert_eq!(said(false, &[b"00", b"06", b"\x02", b"x0000"]), banded);
        assert_eq!(said(false, &[b"0006\x01"]), None, "in a packet");
        assert_eq!(said(false, &[b"000"]), None, "in a head");
        assert_eq!(said(false, &[b"PACK...."]), None, "a pack without bands");
        let long = packet(false, &"\u{e9}".repeat(1000));
        assert_eq!(
            usize::from_str_radix(std::str::from_utf8(&long[..4]).unwrap(), 16).unwrap(),
            long.len()
        );
    }
}
