//! How many refused attempts of one actor are recorded one by one. Above that they are counted, so that nobody floods the ledger.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chancery_core::names::{ActorId, Timestamp};

/// Refusals of one actor that are recorded in one window.
const RECORDED: u64 = 100;
/// Length of a window in seconds.
const WINDOW_SECONDS: i64 = 60;

/// What to do with a refused attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// It becomes an entry.
    Entry,
    /// It is only counted.
    Counted,
}

/// Attempts of one actor that were counted and not recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Suppressed {
    pub(super) actor: ActorId,
    pub(super) count: u64,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

#[derive(Debug)]
struct Window {
    begun: Timestamp,
    recorded: u64,
    suppressed: Option<Suppressed>,
}

/// The refusals of the running window, by actor.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    windows: Mutex<HashMap<ActorId, Window>>,
}

impl Refusals {
    /// Counts an attempt and says whether it is recorded.
    pub(super) fn count(&self, actor: &ActorId, now: Timestamp) -> Record {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry(actor.clone()).or_insert_with(|| Window { begun: now, recorded: 0, suppressed: None });
        if window.recorded < RECORDED {
            window.recorded += 1;
            return Record::Entry;
        }
        let suppressed = window.suppressed.get_or_insert_with(|| Suppressed { actor: actor.clone(), count: 0, from: now, to: now });
        suppressed.count += 1;
        suppressed.to = now;
        Record::Counted
    }

    /// Ends the windows that are over, and gives what they suppressed.
    pub(super) fn take_ended(&self, now: Timestamp) -> Vec<Suppressed> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ended = Vec::new();
        windows.retain(|_, window| {
            let over = window.begun.plus_seconds(WINDOW_SECONDS) <= now;
            if over {
                ended.extend(window.suppressed.take());
            }
            !over
        });
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_told_once() {
        let refusals = Refusals::default();
        let actor = ActorId::parse("system").unwrap();
        let at = Timestamp::from_micros;
        for attempt in 0..i64::try_from(RECORDED).unwrap() {
            assert_eq!(refusals.count(&actor, at(attempt)), Record::Entry);
        }
        assert_eq!(refusals.count(&actor, at(1_000)), Record::Counted);
        assert_eq!(refusals.count(&actor, at(2_000)), Record::Counted);
        assert_eq!(refusals.take_ended(at(3_000)), []);
        let told = refusals.take_ended(at(60_000_000));
        assert_eq!(told, [Suppressed { actor: actor.clone(), count: 2, from: at(1_000), to: at(2_000) }]);
        assert_eq!(refusals.count(&actor, at(60_000_001)), Record::Entry);
    }
}
