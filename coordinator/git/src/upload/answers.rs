//! What a client of protocol version 2 over HTTP is answered without git's program.

use super::{CHUNK, Served, UploadError, UploadSettings, converse, upload_pack_command};
use crate::browse::Reader;
use crate::bundle;
use crate::child::GitError;
use crate::pack_cache::Answer;
use crate::wire::fetch::{self, Asked};
use crate::wire::{Protocol, pkt};
use bytes::{Buf as _, Bytes, BytesMut};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest request that is read before anything is done about it, in bytes; one that wants
/// 20,000 refs fits.
const MAX_REQUEST_BYTES: usize = 1 << 20;
/// How many packets of a pack are sent at once.
const PACKETS: usize = CHUNK / pkt::MAX_PAYLOAD;

/// Whether a request was answered.
pub(super) enum Answered {
    /// It was.
    With(Served),
    /// Git's program is to do it.
    Not(Begun),
}

/// What was read of a request, and by which name its answer may be kept.
#[derive(Default)]
pub(super) struct Begun {
    pub(super) request: io::Cursor<Bytes>,
    pub(super) answer: Option<Answer>,
}

/// Tells what the server can do. Git's program was asked once: it says the same of every
/// repository with the same hash function.
pub(super) async fn advertise<W: AsyncWrite + Unpin>(
    reader: &Reader,
    settings: &UploadSettings,
    output: &mut W,
) -> Result<Answered, UploadError> {
    let known = reader.git().advertisement(reader.bare().format());
    let said = known
        .get_or_try_init(|| async {
            let protocol = Protocol::parse("version=2").expect("because that is one");
            let exchange = super::Exchange::Advertise;
            let command = upload_pack_command(reader, &protocol, exchange, settings, None);
            let mut said = vec![];
            converse(command, settings, tokio::io::empty(), &mut said).await?;
            Ok::<_, UploadError>(Bytes::from(said))
        })
        .await?;
    let bare = reader.bare().clone();
    let bundled = tokio::task::spawn_blocking(move || bundle::newest(&bare)).await;
    // Without a bundle a client asks for everything, as it would anyway.
    let said = match (bundled, said.strip_suffix(pkt::FLUSH)) {
        (Ok(Ok(Some(_))), Some(begun)) => {
            let mut more = begun.to_vec();
            pkt::append(&mut more, b"bundle-uri\n");
            more.extend_from_slice(pkt::FLUSH);
            Bytes::from(more)
        }
        _ => said.clone(),
    };
    let sent = send(output, &said, settings.idle).await?;
    Ok(served(0, sent))
}

/// Answers a request for refs, or for a pack that is kept.
pub(super) async fn answer<R, W>(
    reader: &Reader,
    settings: &UploadSettings,
    input: &mut R,
    output: &mut W,
) -> Result<Answered, UploadError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let answering = async {
        let (request, whole) = begin(input, settings.idle).await?;
        let bytes_in = request.len() as u64;
        let asked = match whole {
            true => fetch::read(&request, reader.bare().format()).await,
            false => None,
        };
        let mut begun = Begun {
            request: io::Cursor::new(request),
            answer: None,
        };
        match (asked, &settings.pack_cache) {
            (Some(Asked::Refs(list)), _) => {
                let reader = reader.clone();
                let listed = tokio::task::spawn_blocking(move || {
                    reader.refs().map(|table| list.answer(&table.head, &table.refs))
                });
                let listed = listed.await.map_err(io::Error::other).map_err(GitError::from)?;
                // What stands in the way of reading refs, git says in its own words.
                if let Ok(listed) = listed {
                    let sent = send(output, &listed, settings.idle).await?;
                    return Ok(served(bytes_in, sent));
                }
            }
            (Some(Asked::Bundles), _) => {
                let bare = reader.bare().clone();
                let newest = tokio::task::spawn_blocking(move || bundle::newest(&bare)).await;
                let newest = newest.map_err(io::Error::other).and_then(|newest| newest);
                let said = fetch::bundles(newest.map_err(GitError::from)?);
                let sent = send(output, &said, settings.idle).await?;
                return Ok(served(bytes_in, sent));
            }
            (Some(Asked::Pack(pack)), Some(cache)) => {
                if let Ok(Some(stamp)) = reader.bare().stamp() {
                    let answer = Answer::new(reader.bare().dir(), stamp, &pack);
                    if let Ok(Some(file)) = answer.find(&cache.dir) {
                        let sent = send_pack(file, output, settings.idle).await?;
                        return Ok(served(bytes_in, sent));
                    }
                    begun.answer = Some(answer);
                }
            }
            _ => {}
        }
        Ok(Answered::Not(begun))
    };
    let deadline = settings.deadline;
    tokio::time::timeout(deadline, answering)
        .await
        .map_err(|_| UploadError::Deadline { deadline })?
}

fn served(bytes_in: u64, bytes_out: u64) -> Answered {
    Answered::With(Served { bytes_in, bytes_out })
}

/// Reads a request, and says whether that is all of it.
async fn begin<R: AsyncRead + Unpin>(input: &mut R, idle: Duration) -> Result<(Bytes, bool), UploadError> {
    let mut request = BytesMut::new();
    while request.len() < MAX_REQUEST_BYTES {
        let read = tokio::time::timeout(idle, input.read_buf(&mut request)).await;
        let read = read.map_err(|_| UploadError::Idle { idle })?;
        if read.map_err(UploadError::ClientGone)? == 0 {
            return Ok((request.freeze(), true));
        }
    }
    Ok((request.freeze(), false))
}

/// Sends bytes to a client that takes some of them now and then; how many that were.
async fn send<W: AsyncWrite + Unpin>(
    output: &mut W,
    mut bytes: &[u8],
    idle: Duration,
) -> Result<u64, UploadError> {
    let sent = bytes.len() as u64;
    while bytes.has_remaining() {
        let written = tokio::time::timeout(idle, output.write_buf(&mut bytes)).await;
        written
            .map_err(|_| UploadError::Idle { idle })?
            .map_err(UploadError::ClientGone)?;
    }
    output.flush().await.map_err(UploadError::ClientGone)?;
    Ok(sent)
}

async fn send_pack<W: AsyncWrite + Unpin>(
    file: std::fs::File,
    output: &mut W,
    idle: Duration,
) -> Result<u64, UploadError> {
    let mut file = tokio::fs::File::from_std(file);
    file.set_max_buf_size(fetch::packets(PACKETS));
    let mut piece = vec![0; fetch::packets(PACKETS)];
    let mut packets = Vec::with_capacity(CHUNK + CHUNK / 8);
    fetch::append_pack_head(&mut packets);
    let mut sent = 0;
    loop {
        let mut filled = 0;
        while filled < piece.len() {
            match file.read(&mut piece[filled..]).await.map_err(GitError::from)? {
                0 => break,
                read => filled += read,
            }
        }
        fetch::append_pack_piece(&mut packets, &piece[..filled]);
        let last = filled < piece.len();
        if last {
            packets.extend_from_slice(pkt::FLUSH);
        }
        sent += send(output, &packets, idle).await?;
        if last {
            return Ok(sent);
        }
        packets.clear();
    }
}
