//! The registers of exceptions and risks.

use super::Page;

/// The pages of this area.
pub(super) fn pages() -> Vec<Page> {
    vec![]
}
