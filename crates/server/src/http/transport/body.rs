//! Bodies that keep their connection's account: what comes must keep coming, and the end of an answer is the end of its request.

use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use super::activity::{Activity, STEP};

/// An error of a body.
type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// What a handler leaves unread of a body is read up to so many bytes, so that the client reads the answer and the connection goes on.
const MOST_UNREAD: usize = 64 * 1024;
/// And for so long.
const UNREAD_TIME: Duration = Duration::from_secs(1);

/// The body of a request. It fails when it does not move on; what is left of it when it is dropped goes to [`Unread`].
pub(super) struct Received {
    watched: Option<Watched>,
    unread: Arc<Unread>,
}

impl Received {
    pub(super) fn new(inner: Incoming, activity: Arc<Activity>, idle: Duration, unread: Arc<Unread>) -> Self {
        Self { watched: Some(Watched { inner, activity, idle, alarm: None, moved: 0 }), unread }
    }
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(watched) = &mut self.watched else { return Poll::Ready(None) };
        let frame = std::task::ready!(Pin::new(watched).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            // It ended, or broke: nothing of it is left.
            self.watched = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.watched.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.watched.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        if let Some(watched) = self.watched.take().filter(|watched| !watched.is_end_stream()) {
            *self.unread.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(watched);
        }
    }
}

/// What a handler left unread of a body: most refusals need no body, and are sent before it comes.
#[derive(Default)]
pub(super) struct Unread(Mutex<Option<Watched>>);

impl Unread {
    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Reads the rest. Whether nothing is left, so that another request can follow.
    pub(super) async fn drain(&self) -> bool {
        let rest = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(rest) = rest else { return true };
        if rest.size_hint().lower() > MOST_UNREAD as u64 {
            return false;
        }
        let whole = axum::body::to_bytes(Body::new(rest), MOST_UNREAD);
        matches!(tokio::time::timeout(UNREAD_TIME, whole).await, Ok(Ok(_)))
    }
}

/// A body under the eyes of its connection.
struct Watched {
    inner: Incoming,
    activity: Arc<Activity>,
    idle: Duration,
    /// Runs while bytes are waited for.
    alarm: Option<Pin<Box<Sleep>>>,
    moved: u64,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) else {
            let deadline = Instant::now() + self.idle;
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            return match alarm.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(Some(Err(Error::new(ErrorKind::TimedOut, "the body came too slowly").into()))),
                Poll::Pending => Poll::Pending,
            };
        };
        if let Some(Ok(frame)) = &frame {
            self.moved += frame.data_ref().map_or(0, |data| data.len() as u64);
            if self.moved >= STEP {
                self.moved = 0;
                self.alarm = None;
                self.activity.progress();
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A request that runs, until it is dropped.
pub(super) struct Running {
    activity: Arc<Activity>,
    answered: bool,
}

impl Running {
    pub(super) fn begin(activity: &Arc<Activity>, multiplexed: bool) -> Self {
        activity.begin(multiplexed);
        Self { activity: Arc::clone(activity), answered: false }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.activity.end(self.answered);
    }
}

/// The body of an answer: with it the request ends.
pub(super) struct Sent {
    inner: Body,
    _running: Running,
}

impl Sent {
    pub(super) fn new(inner: Body, mut running: Running) -> Self {
        running.activity.answer();
        running.answered = true;
        Self { inner, _running: running }
    }
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
