//! The formats of the ledger: Merkle tree, tiles, signed notes, checkpoints and offline proofs.
//!
//! Everything here is a pure function of its arguments: no files, no clock, no randomness. The bytes follow
//! RFC 6962 (tree) and C2SP (tlog-tiles, signed-note, tlog-checkpoint, tlog-proof), so that programs that are
//! not ours can check a log.

pub mod checkpoint;
pub mod merkle;
pub mod note;
pub mod proof;
pub mod tile;

pub use checkpoint::{Checkpoint, SignedCheckpoint};
pub use merkle::{Frontier, Hash};
pub use proof::LogProof;

/// Reads an ASCII decimal without sign and without leading zeros, the only form in which C2SP formats write numbers.
fn parse_decimal(text: &str) -> Option<u64> {
    let digits_only = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = text.len() > 1 && text.starts_with('0');
    if !digits_only || leading_zero {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse_decimal;

    #[test]
    fn decimals_have_one_spelling() {
        for (text, expected) in [
            ("0", Some(0)),
            ("10", Some(10)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("00", None),
            ("01", None),
            ("+1", None),
            ("-1", None),
            (" 1", None),
            ("1_0", None),
            ("٣", None),
        ] {
            assert_eq!(parse_decimal(text), expected, "{text:?}");
        }
    }
}
