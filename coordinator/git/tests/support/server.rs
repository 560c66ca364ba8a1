//! The beginning of a `git://` conversation: the simplest way for a real git to talk to a test.

use plue_git::wire::Protocol;
use plue_git::wire::pkt::{self, Packet};
use tokio::io::AsyncBufRead;

/// Reads the first packet of a `git://` conversation: the service and the protocol asked for.
pub async fn greet<R: AsyncBufRead + Unpin>(input: &mut R) -> (String, Protocol) {
    let Ok(Some(Packet::Data(line))) = pkt::read(input).await else {
        panic!("no greeting");
    };
    let line = String::from_utf8(line.to_vec()).expect("text");
    let mut words = line.split('\0');
    let service = words
        .next()
        .and_then(|word| word.split(' ').next())
        .unwrap_or_default();
    let protocol = words.find_map(Protocol::parse).unwrap_or_default();
    (service.to_owned(), protocol)
}
