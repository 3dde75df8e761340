//! Bodies that keep their connection's account: what comes must keep coming, and the end of an answer is the end of its request.

use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use super::activity::{Activity, STEP};

/// An error of a body.
type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request. It fails when it does not move on.
pub(super) struct Received {
    inner: Incoming,
    activity: Arc<Activity>,
    idle: Duration,
    /// Runs while bytes are waited for.
    alarm: Option<Pin<Box<Sleep>>>,
    moved: u64,
}

impl Received {
    pub(super) fn new(inner: Incoming, activity: Arc<Activity>, idle: Duration) -> Self {
        Self { inner, activity, idle, alarm: None, moved: 0 }
    }
}

impl HttpBody for Received {
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
