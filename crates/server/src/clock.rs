//! The one clock of the server: the system's, or one that tests move by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chancery_core::names::Timestamp;

/// Where the time comes from.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's clock, moved by an offset in microseconds (`--clock-offset`).
    System {
        /// Microseconds added to the system's time.
        offset: i64,
    },
    /// A clock that stands until it is moved: microseconds since the epoch.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// Now.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System { offset } => Timestamp::from_micros(jiff::Timestamp::now().as_microsecond().saturating_add(*offset)),
            Self::Manual(micros) => Timestamp::from_micros(micros.load(Ordering::SeqCst)),
        }
    }
}
