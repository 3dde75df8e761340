//! What a connection does, and whether it may go on: the guard against clients that hold a place by being slow.
//!
//! Progress is the beginning or end of a request, and every [`STEP`] bytes of a body, either way. A client that sends or takes a
//! byte now and then makes none.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::config::Limits;

/// Bytes that count as progress.
pub(super) const STEP: u64 = 4 * 1024;
/// How long a connection that was told to close may take to do so.
const CLOSING: u64 = 5_000;

/// Counters of one connection; times in milliseconds since it was taken.
#[derive(Debug)]
pub(super) struct Activity {
    begun: Instant,
    /// Requests that were begun, ever.
    requests: AtomicU64,
    /// Requests that were begun and whose answer is not sent.
    running: AtomicUsize,
    /// Answers that are being sent.
    sending: AtomicUsize,
    /// Last progress.
    last: AtomicU64,
    /// Bytes moved since then.
    moved: AtomicU64,
    /// When the first byte of a head came; 0 while none did.
    head: AtomicU64,
    /// Whether it speaks HTTP/2, where bytes between requests are no head.
    multiplexed: AtomicBool,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on.
    Fine,
    /// It is idle: it is told to close.
    Idle,
    /// It is too slow: it is closed.
    Slow,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            begun: Instant::now(),
            requests: AtomicU64::new(0),
            running: AtomicUsize::new(0),
            sending: AtomicUsize::new(0),
            last: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            head: AtomicU64::new(0),
            multiplexed: AtomicBool::new(false),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The connection moved on.
    pub(super) fn progress(&self) {
        self.last.store(self.now(), Relaxed);
        self.moved.store(0, Relaxed);
    }

    /// The head of a request is there.
    pub(super) fn begin(&self, multiplexed: bool) {
        self.requests.fetch_add(1, Relaxed);
        self.running.fetch_add(1, Relaxed);
        self.multiplexed.store(multiplexed, Relaxed);
        self.head.store(0, Relaxed);
        self.progress();
    }

    /// Its answer begins.
    pub(super) fn answer(&self) {
        self.sending.fetch_add(1, Relaxed);
        self.progress();
    }

    /// Its answer is with the connection, or nobody wants it any more.
    pub(super) fn end(&self, answered: bool) {
        if answered {
            self.sending.fetch_sub(1, Relaxed);
        }
        self.running.fetch_sub(1, Relaxed);
        self.progress();
    }

    /// Bytes of the client came.
    pub(super) fn read(&self) {
        if self.running.load(Relaxed) == 0 && self.head.load(Relaxed) == 0 {
            self.head.store(self.now().max(1), Relaxed);
        }
    }

    /// Bytes were taken by the client.
    pub(super) fn written(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if self.moved.fetch_add(bytes, Relaxed).saturating_add(bytes) >= STEP {
            self.progress();
        }
    }

    /// Whether the connection may go on.
    pub(super) fn verdict(&self, limits: &Limits) -> Verdict {
        let now = self.now();
        let since = |moment: u64| Duration::from_millis(now.saturating_sub(moment));
        let last = self.last.load(Relaxed);
        if self.requests.load(Relaxed) == 0 {
            return if since(0) > limits.header_time() { Verdict::Slow } else { Verdict::Fine };
        }
        if self.running.load(Relaxed) > 0 {
            let slow = self.sending.load(Relaxed) > 0 && since(last) > limits.body_idle();
            return if slow { Verdict::Slow } else { Verdict::Fine };
        }
        let head = self.head.load(Relaxed);
        if head != 0 && !self.multiplexed.load(Relaxed) && since(head) > limits.header_time() {
            return Verdict::Slow;
        }
        match since(last) {
            idle if idle > limits.keep_alive() + Duration::from_millis(CLOSING) => Verdict::Slow,
            idle if idle > limits.keep_alive() => Verdict::Idle,
            _ => Verdict::Fine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { header_seconds: 10, body_idle_seconds: 20, keep_alive_seconds: 30, ..Limits::default() }
    }

    /// The connection, so many seconds later.
    fn later(activity: &mut Activity, seconds: u64) -> Verdict {
        activity.begun = activity.begun.checked_sub(Duration::from_secs(seconds)).unwrap();
        activity.verdict(&limits())
    }

    #[test]
    fn the_first_head_must_come() {
        let mut activity = Activity::new();
        activity.read();
        assert_eq!(later(&mut activity, 9), Verdict::Fine);
        activity.read();
        assert_eq!(later(&mut activity, 2), Verdict::Slow);
    }

    #[test]
    fn a_handler_may_take_its_time_and_an_idle_connection_is_closed() {
        let mut activity = Activity::new();
        activity.begin(false);
        assert_eq!(later(&mut activity, 1_000), Verdict::Fine);
        activity.answer();
        activity.end(true);
        assert_eq!(later(&mut activity, 29), Verdict::Fine);
        assert_eq!(later(&mut activity, 2), Verdict::Idle);
        assert_eq!(later(&mut activity, 6), Verdict::Slow);
    }

    #[test]
    fn a_head_that_drips_and_an_answer_that_is_not_taken_are_slow() {
        let mut activity = Activity::new();
        activity.begin(false);
        activity.end(false);
        activity.read();
        assert_eq!(later(&mut activity, 9), Verdict::Fine);
        activity.read();
        assert_eq!(later(&mut activity, 2), Verdict::Slow);

        let mut activity = Activity::new();
        activity.begin(false);
        activity.answer();
        for _ in 0..10 {
            activity.written(10);
            assert_eq!(later(&mut activity, 1), Verdict::Fine);
        }
        assert_eq!(later(&mut activity, 11), Verdict::Slow, "a byte now and then is no progress");
        activity.written(4_096);
        assert_eq!(activity.verdict(&limits()), Verdict::Fine);
    }

    #[test]
    fn frames_between_requests_are_no_head() {
        let mut activity = Activity::new();
        activity.begin(true);
        activity.end(false);
        activity.read();
        assert_eq!(later(&mut activity, 25), Verdict::Fine);
        assert_eq!(later(&mut activity, 6), Verdict::Idle);
    }
}
