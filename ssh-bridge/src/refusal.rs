//! How a client that may not come in reads why: the version line and one DISCONNECT message,
//! which RFC 4253 (section 11.1) allows before any key is agreed on.

use crate::guard::Refusal;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How the door names itself.
pub(crate) const SERVER_ID: &str = "SSH-2.0-Plue";

const MSG_DISCONNECT: u8 = 1;
const TOO_MANY_CONNECTIONS: u32 = 12;

/// What a refused client reads.
pub(crate) fn text(refusal: Refusal) -> String {
    match refusal {
        Refusal::TooManyOpen => {
            "Your address holds as many connections as one may; please close some.".to_owned()
        }
        Refusal::TooFast { wait_ms } => format!(
            "Your address begins connections too fast; please wait {}.",
            words(wait_ms)
        ),
        Refusal::Banned { wait_ms } => format!(
            "Your address showed only unknown keys, again and again; it may come back in {}.",
            words(wait_ms)
        ),
    }
}

fn words(wait_ms: u64) -> String {
    match wait_ms.div_ceil(1_000) {
        seconds @ 0..=90 => format!("{seconds} seconds"),
        seconds if seconds <= 90 * 60 => format!("{} minutes", seconds.div_ceil(60)),
        seconds => format!("{} hours", seconds.div_ceil(3_600)),
    }
}

/// Says `text` and closes, within a second.
pub(crate) async fn send(mut stream: TcpStream, text: &str) {
    let farewell = async {
        stream.write_all(&message(text)).await?;
        stream.shutdown().await?;
        // To close with unread bytes would reset the connection, and the text with it.
        let mut unread = [0; 512];
        while stream.read(&mut unread).await? > 0 {}
        std::io::Result::Ok(())
    };
    match tokio::time::timeout(Duration::from_secs(1), farewell).await {
        Ok(Ok(())) | Err(_) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a refused client did not listen"),
    }
}

fn message(text: &str) -> Vec<u8> {
    let mut payload = vec![MSG_DISCONNECT];
    payload.extend(TOO_MANY_CONNECTIONS.to_be_bytes());
    for string in [text, "en"] {
        payload.extend(u32::try_from(string.len()).unwrap_or(0).to_be_bytes());
        payload.extend(string.as_bytes());
    }
    // RFC 4253, section 6: everything is a multiple of eight, with at least four of padding.
    let padding = 4 + (8 - (5 + payload.len() + 4) % 8) % 8;
    let length = u32::try_from(1 + payload.len() + padding).unwrap_or(0);
    let mut bytes = format!("{SERVER_ID}\r\n").into_bytes();
    bytes.extend(length.to_be_bytes());
    bytes.push(u8::try_from(padding).unwrap_or(4));
    bytes.extend(payload);
    bytes.resize(bytes.len() + padding, 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packet_is_padded_to_eight() {
        for length in 0..40 {
            let text = "x".repeat(length);
            let bytes = message(&text);
            let packet = &bytes[SERVER_ID.len() + 2..];
            assert_eq!(packet.len() % 8, 0, "{length}");
            let stated = u32::from_be_bytes(packet[..4].try_into().expect("four bytes"));
            assert_eq!(stated as usize + 4, packet.len());
            assert!(packet[4] >= 4);
        }
    }

    #[test]
    fn waits_are_told_in_words() {
        assert_eq!(words(1), "1 seconds");
        assert_eq!(words(90_000), "90 seconds");
        assert_eq!(words(900_000), "15 minutes");
        assert_eq!(words(86_400_000), "24 hours");
    }
}
