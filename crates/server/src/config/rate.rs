//! `[rate]`: how often a caller may call.

use serde::{Deserialize, Serialize};

use super::value::{Invalid, within};

/// Token buckets: so many requests a second in the long run, so many at once. 0 a second switches a limit off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rate {
    /// Requests a second of one user, pipeline or service, whatever token it uses.
    pub actor_per_second: u32,
    /// Requests at once of one user, pipeline or service.
    pub actor_burst: u32,
    /// Requests a second of one address (IPv6: of one /64), known callers included.
    pub address_per_second: u32,
    /// Requests at once of one address.
    pub address_burst: u32,
    /// Requests a minute of one address that try a password or exchange a token: these cost much.
    pub costly_per_minute: u32,
    /// Such requests at once of one address.
    pub costly_burst: u32,
}

impl Default for Rate {
    fn default() -> Self {
        Self { actor_per_second: 1_000, actor_burst: 10_000, address_per_second: 2_000, address_burst: 20_000, costly_per_minute: 60, costly_burst: 30 }
    }
}

impl Rate {
    pub(super) fn check(&self) -> Result<(), Invalid> {
        within("rate.actor_per_second", self.actor_per_second, 0..=1_000_000)?;
        within("rate.actor_burst", self.actor_burst, 1..=10_000_000)?;
        within("rate.address_per_second", self.address_per_second, 0..=1_000_000)?;
        within("rate.address_burst", self.address_burst, 1..=10_000_000)?;
        within("rate.costly_per_minute", self.costly_per_minute, 0..=1_000_000)?;
        within("rate.costly_burst", self.costly_burst, 1..=1_000_000)
    }

    /// No limits, for measurements and for tests that are about something else.
    pub fn off() -> Self {
        Self { actor_per_second: 0, address_per_second: 0, costly_per_minute: 0, ..Self::default() }
    }
}
