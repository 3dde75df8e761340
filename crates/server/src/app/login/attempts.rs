//! Back-off after failed logins: per account and per address, exponential, capped. It counts names, not accounts, so it says nothing about
//! which accounts exist.
//!
//! INVARIANT: an attempt is counted as a failure before the password is looked at, and forgiven when it was right: attempts that come all at
//! once count like attempts that come one after another.

use std::net::IpAddr;

use chancery_core::access_log::Whence;
use chancery_core::names::{Digest, Timestamp};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::rows::{Key, Row as _};
use chancery_core::tables::LoginFailureRow;

use crate::app::{App, AppError};
use crate::values;

/// Failures of one account that cost nothing.
const FREE_ACCOUNT: u64 = 5;
/// Failures from one address that cost nothing: many people may share one.
const FREE_ADDRESS: u64 = 30;
/// Longest wait in seconds. Longer ones would let a stranger lock people out.
const LONGEST: i64 = 300;
/// After so many quiet seconds failures are forgotten.
const FORGET: i64 = 3_600;
/// Rows that are tidied up at a time.
const TIDIED: i64 = 100;

/// Where a login comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The address at the other end of the connection, never one that a header names.
    pub address: Option<IpAddr>,
    /// The same and more, for the access log.
    pub whence: Whence,
}

/// One at a time reads and counts, so that attempts at the same moment do not count as one.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    turn: tokio::sync::Mutex<()>,
}

/// An attempt that was counted.
#[derive(Debug)]
pub(super) struct Attempt {
    keys: [String; 2],
}

/// Seconds to wait after `count` failures of which `free` cost nothing: 1, 2, 4 … up to [`LONGEST`].
fn wait(count: u64, free: u64) -> i64 {
    match count.checked_sub(free) {
        None | Some(0) => 0,
        Some(over) => 1_i64.checked_shl(u32::try_from(over - 1).unwrap_or(u32::MAX)).filter(|seconds| *seconds > 0).map_or(LONGEST, |seconds| seconds.min(LONGEST)),
    }
}

/// A whole network of IPv6 belongs to one customer: its addresses count as one.
fn place(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        None => "address:unknown".to_owned(),
        Some(IpAddr::V4(address)) => format!("address:{address}"),
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("address:{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

impl App {
    /// Counts an attempt to log in as `name`, or refuses it because too many failed.
    ///
    /// # Errors
    /// `rate_limited`, the same whether there is such an account or not.
    pub(super) async fn begin_attempt(&self, name: &str, origin: &Origin) -> Result<Attempt, AppError> {
        let keys = [format!("account:{}", Digest::of(name.to_lowercase().as_bytes())), place(origin.address)];
        let now = self.now();
        let _turn = self.inner.logins.attempts.turn.lock().await;
        let snapshot = self.inner.store.read().await?;
        let mut rows = Vec::new();
        for (key, free) in keys.iter().zip([FREE_ACCOUNT, FREE_ADDRESS]) {
            let known = snapshot.get::<LoginFailureRow>(values![*key]).await?.filter(|row| row.last_at.plus_seconds(FORGET) > now);
            if let Some(row) = known.as_ref().filter(|row| row.blocked_until > now) {
                return Err(blocked(row.blocked_until, now).into());
            }
            let count = known.map_or(1, |row| row.count.saturating_add(1));
            rows.push(LoginFailureRow { origin: key.clone(), count, last_at: now, blocked_until: now.plus_seconds(wait(count, free)) });
        }
        let stale = snapshot.query("SELECT origin FROM login_failures WHERE last_at < $1 LIMIT $2", &values![now.plus_seconds(-FORGET), TIDIED]).await?;
        drop(snapshot);
        let stale = stale.into_iter().map(|values| Key { table: LoginFailureRow::TABLE, values }).filter(|key| !rows.iter().any(|row| key.values == values![row.origin]));
        self.inner.store.scratch().remove(stale.collect()).await?;
        self.inner.store.scratch().put(&rows).await?;
        Ok(Attempt { keys })
    }

    /// The attempt was right: the account's failures are forgotten, and it does not count against the address.
    pub(super) async fn forgive(&self, attempt: Attempt) -> Result<(), AppError> {
        let [account, address] = attempt.keys;
        let _turn = self.inner.logins.attempts.turn.lock().await;
        let known = self.inner.store.read().await?.get::<LoginFailureRow>(values![address]).await?;
        let scratch = self.inner.store.scratch();
        scratch.remove(vec![Key { table: LoginFailureRow::TABLE, values: values![account] }]).await?;
        if let Some(row) = known {
            let count = row.count.saturating_sub(1);
            scratch.put(&[LoginFailureRow { count, blocked_until: row.last_at.plus_seconds(wait(count, FREE_ADDRESS)), ..row }]).await?;
        }
        Ok(())
    }
}

fn blocked(until: Timestamp, now: Timestamp) -> Refusal {
    let seconds = (until.micros() - now.micros()).max(0) / 1_000_000 + 1;
    Refusal::new(Code::RateLimited, "too many failed logins with this name or from this address")
        .remedy(&format!("wait {seconds} seconds; an administrator can reset a forgotten password"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit() {
        let waits: Vec<i64> = [0, 5, 6, 7, 8, 14, 15, 70, u64::MAX].iter().map(|count| wait(*count, FREE_ACCOUNT)).collect();
        assert_eq!(waits, [0, 0, 1, 2, 4, 256, 300, 300, 300]);
    }

    #[test]
    fn a_network_is_one_place() {
        let place = |text: &str| place(Some(text.parse().unwrap()));
        assert_eq!(place("2001:db8:1:2::1"), place("2001:db8:1:2:ffff::9"));
        assert_ne!(place("2001:db8:1:2::1"), place("2001:db8:1:3::1"));
        assert_eq!(place("::ffff:192.0.2.1"), place("192.0.2.1"));
        assert_ne!(place("192.0.2.1"), place("192.0.2.2"));
    }
}
