//! How often somebody may call: token buckets per actor and per address.
//!
//! INVARIANT: memory is bounded: at most [`MAX_KEYS`] buckets of a kind. When they are used up, full buckets are forgotten, which
//! changes nothing; when that does not help, all are, which gives everybody a new burst.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use chancery_core::names::ActorId;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::config::Rate;

/// Most buckets of a kind.
const MAX_KEYS: usize = 100_000;
/// How many calls go by between two looks at the number of buckets.
const LOOK: u32 = 256;

/// How long to wait before the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// In whole seconds, at least one.
    pub seconds: u64,
}

/// The buckets of a server.
#[derive(Debug)]
pub struct Rates {
    actors: Option<Buckets<ActorId>>,
    addresses: Option<Buckets<IpAddr>>,
    costly: Option<Buckets<IpAddr>>,
}

impl Default for Rates {
    fn default() -> Self {
        Self::new(&Rate::default())
    }
}

impl Rates {
    /// As configured; a rate of 0 has no limit.
    pub fn new(rate: &Rate) -> Self {
        Self {
            actors: Buckets::new(Duration::from_secs(1), rate.actor_per_second, rate.actor_burst),
            addresses: Buckets::new(Duration::from_secs(1), rate.address_per_second, rate.address_burst),
            costly: Buckets::new(Duration::from_secs(60), rate.costly_per_minute, rate.costly_burst),
        }
    }

    /// A call of an actor.
    ///
    /// # Errors
    /// How long to wait.
    pub fn actor(&self, actor: &ActorId) -> Result<(), Wait> {
        self.actors.as_ref().map_or(Ok(()), |buckets| buckets.take(actor))
    }

    /// A call from an address, which tries a secret or exchanges a token when it is `costly`.
    ///
    /// # Errors
    /// How long to wait.
    pub fn address(&self, address: IpAddr, costly: bool) -> Result<(), Wait> {
        self.addresses.as_ref().map_or(Ok(()), |buckets| buckets.take(&address))?;
        self.costly.as_ref().filter(|_| costly).map_or(Ok(()), |buckets| buckets.take(&address))
    }
}

/// Buckets of one kind.
#[derive(Debug)]
struct Buckets<K: Hash + Eq + Clone> {
    quota: Quota,
    limiter: RwLock<DefaultKeyedRateLimiter<K>>,
    calls: AtomicU32,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    /// `None` for no limit.
    fn new(period: Duration, rate: u32, burst: u32) -> Option<Self> {
        let refill = period.checked_div(rate)?.max(Duration::from_nanos(1));
        let quota = Quota::with_period(refill)?.allow_burst(NonZeroU32::new(burst)?);
        Some(Self { quota, limiter: RwLock::new(RateLimiter::keyed(quota)), calls: AtomicU32::new(0) })
    }

    fn take(&self, key: &K) -> Result<(), Wait> {
        if self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK) {
            self.tidy();
        }
        let limiter = self.limiter.read().unwrap_or_else(PoisonError::into_inner);
        limiter.check_key(key).map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            Wait { seconds: wait.as_secs() + u64::from(wait.subsec_nanos() > 0).max(u64::from(wait.is_zero())) }
        })
    }

    fn tidy(&self) {
        let limiter = self.limiter.read().unwrap_or_else(PoisonError::into_inner);
        if limiter.len() < MAX_KEYS - LOOK as usize {
            return;
        }
        limiter.retain_recent();
        // Not only just below: the next look would do it all again.
        let full = limiter.len() > MAX_KEYS / 2;
        drop(limiter);
        if full {
            *self.limiter.write().unwrap_or_else(PoisonError::into_inner) = RateLimiter::keyed(self.quota);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(rate: Rate) -> Rates {
        Rates::new(&rate)
    }

    fn ip(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(number).into()
    }

    #[test]
    fn a_burst_is_let_through_and_then_the_rate() {
        let rates = rates(Rate { costly_per_minute: 6, costly_burst: 3, address_per_second: 1, address_burst: 5, ..Rate::default() });
        for _ in 0..3 {
            assert_eq!(rates.address(ip(1), true), Ok(()));
        }
        assert_eq!(rates.address(ip(1), true), Err(Wait { seconds: 10 }));
        assert_eq!(rates.address(ip(1), false), Ok(()), "what costs little goes on");
        assert_eq!(rates.address(ip(1), false), Err(Wait { seconds: 1 }));
        assert_eq!(rates.address(ip(2), true), Ok(()), "others are not concerned");
    }

    #[test]
    fn zero_is_no_limit() {
        let rates = rates(Rate { actor_burst: 1, address_burst: 1, costly_burst: 1, ..Rate::off() });
        let actor = ActorId::parse("system").unwrap();
        for _ in 0..100 {
            assert_eq!((rates.actor(&actor), rates.address(ip(1), true)), (Ok(()), Ok(())));
        }
    }

    #[test]
    fn memory_is_bounded() {
        let rates = rates(Rate { address_per_second: 1, address_burst: 2, ..Rate::default() });
        for number in 0..250_000 {
            assert_eq!(rates.address(ip(number), false), Ok(()));
        }
        let buckets = rates.addresses.as_ref().unwrap();
        assert!(buckets.limiter.read().unwrap().len() <= MAX_KEYS, "{}", buckets.limiter.read().unwrap().len());
    }
}
