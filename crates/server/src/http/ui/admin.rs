//! Administration: people, teams, roles, tokens, pipelines, settings, jobs.

use super::Page;

/// The pages of this area.
pub(super) fn pages() -> Vec<Page> {
    vec![]
}
