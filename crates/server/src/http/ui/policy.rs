//! The policy: what must hold, one rule, a dry run; and who may do what.

use super::Page;

/// The pages of this area.
pub(super) fn pages() -> Vec<Page> {
    vec![]
}
