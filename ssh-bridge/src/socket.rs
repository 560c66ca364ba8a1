//! A client's socket under a valve: reading stops while too much of what was read waits for a
//! command, and everything stops when the connection is cut.
//!
//! The SSH library opens a channel's window again as soon as data arrives. Without the valve, a
//! fast client and a slow command would fill memory; blocking the library's own loop instead
//! would also block what the command writes, and the two would wait for each other.
//!
//! What remains: a client's leave to send more waits behind its data, so a command that leaves a
//! megabyte unread until it has written more than the client's window would stand still, until
//! the idle limit. git has no such command.

use futures_util::task::AtomicWaker;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Reading stops when this much waits…
const HIGH_BYTES: usize = 1024 * 1024;
/// …and begins again when no more than this does.
const LOW_BYTES: usize = 256 * 1024;

/// What is known and decided about one socket.
#[derive(Debug, Default)]
pub(crate) struct Valve {
    held: AtomicUsize,
    shut: AtomicBool,
    cut: AtomicBool,
    moved_bytes: AtomicU64,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Valve {
    /// More waits to be read by a command.
    pub(crate) fn fill(&self, bytes: usize) {
        if self.held.fetch_add(bytes, Ordering::AcqRel) + bytes > HIGH_BYTES {
            self.shut.store(true, Ordering::Release);
        }
    }

    /// A command has read some.
    pub(crate) fn drain(&self, bytes: usize) {
        let left = self.held.fetch_sub(bytes, Ordering::AcqRel) - bytes;
        if left <= LOW_BYTES && self.shut.swap(false, Ordering::AcqRel) {
            self.reader.wake();
        }
    }

    /// Ends the connection at once, whatever it is waiting for.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        self.reader.wake();
        self.writer.wake();
    }

    /// How many bytes have gone through the socket, both ways.
    pub(crate) fn moved_bytes(&self) -> u64 {
        self.moved_bytes.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Acquire)
    }

    fn was_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }
}

/// A stream under a valve.
pub(crate) struct Socket<S> {
    stream: S,
    valve: std::sync::Arc<Valve>,
}

impl<S> Socket<S> {
    pub(crate) fn new(stream: S, valve: std::sync::Arc<Valve>) -> Self {
        metrics::gauge!("plue_sockets", "kind" => "ssh").increment(1);
        Self { stream, valve }
    }
}

impl<S> Drop for Socket<S> {
    fn drop(&mut self) {
        metrics::gauge!("plue_sockets", "kind" => "ssh").decrement(1);
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the connection was cut")
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.valve.reader.register(cx.waker());
        if self.valve.was_cut() {
            return Poll::Ready(Err(cut()));
        }
        if self.valve.shut.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        let read = buf.filled().len() - before;
        if read > 0 {
            self.valve.moved_bytes.fetch_add(read as u64, Ordering::Relaxed);
            metrics::counter!("plue_ssh_bytes_total", "direction" => "in").increment(read as u64);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.valve.writer.register(cx.waker());
        if self.valve.was_cut() {
            return Poll::Ready(Err(cut()));
        }
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        if let Poll::Ready(Ok(written)) = polled {
            self.valve
                .moved_bytes
                .fetch_add(written as u64, Ordering::Relaxed);
            metrics::counter!("plue_ssh_bytes_total", "direction" => "out").increment(written as u64);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn a_full_valve_holds_the_reader_back_until_it_drains() {
        let (mut client, stream) = duplex(64);
        let valve = Arc::new(Valve::default());
        let mut socket = Socket::new(stream, valve.clone());
        valve.fill(HIGH_BYTES);
        client.write_all(b"a").await.expect("room");
        assert_eq!(socket.read_u8().await.expect("it is open"), b'a');
        valve.fill(1);
        client.write_all(b"b").await.expect("room");
        let mut reading = tokio::spawn(async move {
            let byte = socket.read_u8().await;
            (byte, socket)
        });
        let waited = tokio::time::timeout(Duration::from_millis(100), &mut reading).await;
        assert!(waited.is_err(), "it is shut");
        valve.drain(HIGH_BYTES - LOW_BYTES);
        let waited = tokio::time::timeout(Duration::from_millis(100), &mut reading).await;
        assert!(waited.is_err(), "it opens only when little waits");
        valve.drain(1);
        let (byte, mut socket) = reading.await.expect("no panic");
        assert_eq!(byte.expect("it is open again"), b'b');
        assert_eq!(valve.moved_bytes(), 2);

        let mut reading = tokio::spawn(async move { socket.read_u8().await });
        let waited = tokio::time::timeout(Duration::from_millis(100), &mut reading).await;
        assert!(waited.is_err(), "nothing was sent");
        valve.cut();
        let error = reading.await.expect("no panic").expect_err("cut");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    }
}
