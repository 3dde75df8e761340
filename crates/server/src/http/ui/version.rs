//! A version with its parts, documents of evidence, lineage.

use super::Page;

/// The pages of this area.
pub(super) fn pages() -> Vec<Page> {
    vec![]
}
