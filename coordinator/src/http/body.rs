//! Bodies on their way in: how many bytes, and how long they may stand still.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is longer than its route reads.
    #[error("the body is longer than {limit_bytes} bytes")]
    TooLarge {
        /// What the route reads.
        limit_bytes: u64,
    },
    /// The client sent nothing for too long.
    #[error("the body stood still for {} s", .0.as_secs())]
    Stalled(Duration),
    /// The connection broke off.
    #[error("the body broke off")]
    Broken(#[source] axum::Error),
}

impl BodyError {
    /// The cause of a failed read, if it was one of ours.
    pub fn of<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }
}

/// A body that ends in an error where it grows too long or stands still.
pub struct Bounded {
    inner: axum::body::Body,
    limit_bytes: Option<u64>,
    read_bytes: u64,
    idle: Option<Duration>,
    /// Runs from the moment in which somebody waits for a frame that is not there.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Bounded {
    /// Bounds a body: to `limit_bytes` and to standing still for `idle`, where there are limits.
    pub fn new(inner: axum::body::Body, limit_bytes: Option<u64>, idle: Option<Duration>) -> Self {
        Self {
            inner,
            limit_bytes,
            read_bytes: 0,
            idle,
            waiting: None,
        }
    }
}

impl Body for Bounded {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) else {
            let Some(idle) = self.idle else {
                return Poll::Pending;
            };
            let waiting = self
                .waiting
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + idle)));
            ready!(waiting.as_mut().poll(cx));
            return Poll::Ready(Some(Err(BodyError::Stalled(idle))));
        };
        self.waiting = None;
        let frame = match frame {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(BodyError::Broken(error)))),
            Some(Ok(frame)) => frame,
        };
        let length = frame.data_ref().map_or(0, Bytes::len);
        self.read_bytes = self.read_bytes.saturating_add(length as u64);
        if let Some(limit_bytes) = self.limit_bytes.filter(|limit| self.read_bytes > *limit) {
            return Poll::Ready(Some(Err(BodyError::TooLarge { limit_bytes })));
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body_util::BodyExt;

    fn pieces(sizes: &[usize]) -> axum::body::Body {
        let pieces: Vec<_> = sizes
            .iter()
            .map(|&size| Ok::<_, std::io::Error>(Bytes::from(vec![1; size])))
            .collect();
        axum::body::Body::from_stream(stream::iter(pieces))
    }

    #[tokio::test]
    async fn a_body_within_its_limit_passes_whole() {
        let bounded = Bounded::new(pieces(&[4, 6]), Some(10), Some(Duration::from_secs(9)));
        assert_eq!(bounded.collect().await.unwrap().to_bytes().len(), 10);
        let free = Bounded::new(pieces(&[4, 60]), None, None);
        assert_eq!(free.collect().await.unwrap().to_bytes().len(), 64);
    }

    #[tokio::test]
    async fn a_byte_too_many_ends_it() {
        let bounded = Bounded::new(pieces(&[4, 7]), Some(10), None);
        let error = axum::Error::new(bounded.collect().await.err().unwrap());
        let found = BodyError::of(&error);
        assert!(
            matches!(found, Some(BodyError::TooLarge { limit_bytes: 10 })),
            "{found:?}"
        );
    }

    #[tokio::test]
    async fn a_body_that_stands_still_ends() {
        let never = axum::body::Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let bounded = Bounded::new(never, None, Some(Duration::from_millis(20)));
        let error = bounded.collect().await.err().unwrap();
        assert!(matches!(error, BodyError::Stalled(_)), "{error}");
    }
}
