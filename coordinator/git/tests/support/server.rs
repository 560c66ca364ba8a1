//! A server that speaks `git://`, so that a real git can clone from what a test made.

use super::Place;
use plue_git::upload::{Exchange, UploadError, UploadSettings, upload_pack};
use plue_git::wire::Protocol;
use plue_git::wire::pkt::{self, Packet};
use std::net::SocketAddr;
use tokio::io::{AsyncBufRead, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

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

/// Serves fetches until the test ends; tells how each went.
pub async fn serve_uploads(
    place: &Place,
    settings: UploadSettings,
) -> (SocketAddr, mpsc::UnboundedReceiver<Result<u64, UploadError>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (tell, told) = mpsc::unbounded_channel();
    let (git, bare) = (place.git.clone(), place.bare.clone());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (git, bare, settings, tell) = (git.clone(), bare.clone(), settings.clone(), tell.clone());
            tokio::spawn(async move {
                let (input, output) = socket.split();
                let mut input = BufReader::new(input);
                let (service, protocol) = greet(&mut input).await;
                assert_eq!(service, "git-upload-pack");
                let way = Exchange::Stateful;
                let served = upload_pack(&git, &bare, &protocol, way, &settings, input, output).await;
                // A test that has seen enough does not listen any more.
                let _ = tell.send(served.map(|served| served.bytes_out));
            });
        }
    });
    (address, told)
}
