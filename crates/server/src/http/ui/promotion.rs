//! Promotions: the list, the page of approvers, rollback.

use super::Page;

/// The pages of this area.
pub(super) fn pages() -> Vec<Page> {
    vec![]
}
