//! The two directions of a channel, as a backend sees them.

use crate::socket::Valve;
use bytes::Bytes;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;

/// The largest piece that travels from a backend's write to the client's channel.
const PIECE_BYTES: usize = 128 * 1024;
/// What one piece of input counts beyond its bytes, lest a client fill memory with single ones.
const PIECE_COST_BYTES: usize = 96;
/// How many pieces may wait for the client.
const PIECES: usize = 4;

/// What the client sends: it ends where the client closed its direction, and fails where the
/// client went away without doing so.
#[derive(Debug)]
pub struct Input(Arc<Queue>);

/// The other end of an [`Input`]: the session puts in what arrives.
#[derive(Debug)]
pub(crate) struct Feed(Arc<Queue>);

#[derive(Debug)]
struct Queue {
    valve: Arc<Valve>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pieces: VecDeque<Bytes>,
    end: Option<End>,
    reader_gone: bool,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Closed,
    Lost,
}

/// Makes the two ends. What waits between them counts in `valve`, which stops reading from the
/// client's socket before it grows too large.
pub(crate) fn input(valve: Arc<Valve>) -> (Feed, Input) {
    let queue = Arc::new(Queue {
        valve,
        state: Mutex::default(),
    });
    (Feed(queue.clone()), Input(queue))
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, end: End) {
        let mut state = self.state();
        state.end.get_or_insert(end);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }
}

impl Feed {
    /// Adds what arrived.
    pub(crate) fn push(&self, data: &[u8]) {
        let mut state = self.0.state();
        if state.reader_gone || state.end.is_some() || data.is_empty() {
            return;
        }
        self.0.valve.fill(data.len() + PIECE_COST_BYTES);
        state.pieces.push_back(Bytes::copy_from_slice(data));
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    /// The client closed its direction.
    pub(crate) fn close(&self) {
        self.0.end(End::Closed);
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.end(End::Lost);
    }
}

impl Input {
    /// The next piece, of at most `max` bytes; none at the end.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<Option<io::Result<Bytes>>> {
        let mut state = self.0.state();
        if let Some(first) = state.pieces.front_mut() {
            let piece = first.split_to(first.len().min(max));
            let mut drained = piece.len();
            if first.is_empty() {
                state.pieces.pop_front();
                drained += PIECE_COST_BYTES;
            }
            drop(state);
            self.0.valve.drain(drained);
            return Poll::Ready(Some(Ok(piece)));
        }
        match state.end {
            Some(End::Closed) => Poll::Ready(None),
            Some(End::Lost) => Poll::Ready(Some(Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "the client went away",
            )))),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl AsyncRead for Input {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(piece) = ready!(self.poll_piece(cx, buf.remaining())).transpose()? {
            buf.put_slice(&piece);
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.reader_gone = true;
        let waiting = std::mem::take(&mut state.pieces);
        drop(state);
        let drained = waiting.iter().map(|piece| piece.len() + PIECE_COST_BYTES).sum();
        self.0.valve.drain(drained);
    }
}

/// One of the client's two output streams. A write waits while the client's window is shut, and
/// fails with [`BrokenPipe`](io::ErrorKind::BrokenPipe) once the client is gone. What was
/// written is delivered even where the writer never flushes.
#[derive(Debug)]
pub struct Output {
    stream: Stream,
    sender: PollSender<Piece>,
}

/// Which of the client's output streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Standard,
    Error,
}

/// What travels to the client's channel, in order of the writes to both streams.
pub(crate) type Piece = (Stream, Bytes);

/// Makes both output streams and the end from which their bytes are sent.
pub(crate) fn outputs() -> (Output, Output, mpsc::Receiver<Piece>) {
    let (sender, receiver) = mpsc::channel(PIECES);
    let output = |stream| Output {
        stream,
        sender: PollSender::new(sender.clone()),
    };
    (output(Stream::Standard), output(Stream::Error), receiver)
}

impl Output {
    /// Sends bytes without copying them.
    pub(crate) async fn send(&mut self, bytes: Bytes) -> io::Result<()> {
        std::future::poll_fn(|cx| self.sender.poll_reserve(cx))
            .await
            .map_err(|_| gone())?;
        self.sender.send_item((self.stream, bytes)).map_err(|_| gone())
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the client went away")
}

impl AsyncWrite for Output {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(self.sender.poll_reserve(cx)).map_err(|_| gone())?;
        let taken = &buf[..buf.len().min(PIECE_BYTES)];
        let piece = (self.stream, Bytes::copy_from_slice(taken));
        self.sender.send_item(piece).map_err(|_| gone())?;
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sender.close();
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn input_ends_where_the_client_closed_and_fails_where_it_vanished() {
        let valve = Arc::new(Valve::default());
        let (feed, mut input) = super::input(valve.clone());
        feed.push(b"hello ");
        feed.push(b"world");
        assert_eq!(valve.held(), 11 + 2 * PIECE_COST_BYTES);
        let mut first = [0; 3];
        input.read_exact(&mut first).await.expect("three bytes");
        assert_eq!(valve.held(), 8 + 2 * PIECE_COST_BYTES);
        feed.close();
        let mut rest = String::new();
        input.read_to_string(&mut rest).await.expect("the rest");
        assert_eq!(rest, "lo world");
        assert_eq!(valve.held(), 0);

        let (feed, mut input) = super::input(valve.clone());
        feed.push(b"half");
        drop(feed);
        let error = input.read_to_string(&mut rest).await.expect_err("no end");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);

        let (feed, input) = super::input(valve.clone());
        feed.push(b"unread");
        drop(input);
        feed.push(b"late");
        assert_eq!(valve.held(), 0);
    }

    #[tokio::test]
    async fn output_keeps_the_order_of_both_streams_and_breaks_with_the_client() {
        let (mut output, mut errors, mut pieces) = outputs();
        output.write_all(b"one").await.expect("room");
        errors.write_all(b"two").await.expect("room");
        assert_eq!(pieces.recv().await, Some((Stream::Standard, "one".into())));
        assert_eq!(pieces.recv().await, Some((Stream::Error, "two".into())));
        drop(pieces);
        let error = output.write_all(b"three").await.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
