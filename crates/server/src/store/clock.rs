//! Whether the clock of the database can be trusted: times in entries come from ours.

use crate::fault::Fault;

/// How far the clock of the database may be from ours, in microseconds.
const TOLERANCE: i64 = 5_000_000;

/// Our clock, in microseconds since the epoch.
pub(super) fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

/// Refuses a skew; the database read its clock, the third number, between `before` and `after`.
pub(super) fn check(before: i64, numbers: &[i64], after: i64) -> Result<(), Fault> {
    let Some(theirs) = numbers.get(2).copied() else { return Ok(()) };
    let nearest = theirs.clamp(before.min(after), before.max(after));
    let skew = theirs.saturating_sub(nearest);
    if skew.abs() > TOLERANCE { Err(Fault::ClockSkew { milliseconds: skew / 1000 }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_five_seconds_off_is_refused() {
        for (before, theirs, after, wanted) in [
            (10_000_000, 10_000_500, 10_001_000, None),
            (10_000_000, 5_000_000, 10_001_000, None),
            (10_000_000, 4_999_000, 10_001_000, Some(-5001)),
            (10_000_000, 15_001_000, 10_001_000, None),
            (10_000_000, 15_003_000, 10_001_000, Some(5002)),
        ] {
            let found = match check(before, &[0, 0, theirs], after) {
                Ok(()) => None,
                Err(Fault::ClockSkew { milliseconds }) => Some(milliseconds),
                Err(other) => panic!("{other}"),
            };
            assert_eq!(found, wanted, "{theirs}");
        }
    }
}
