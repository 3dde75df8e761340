//! The ledger: entries, one entry, the proof that a browser checks.

use super::Page;

/// The pages of this area.
pub(super) fn pages() -> Vec<Page> {
    vec![]
}
