//! Models: the list with its search, a model, a comparison of two versions, what a search box finds, a trace.

use super::Page;

/// The pages of this area.
pub(super) fn pages() -> Vec<Page> {
    vec![]
}
