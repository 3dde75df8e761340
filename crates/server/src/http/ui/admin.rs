//! Administration: people, teams, roles, tokens, pipelines, settings, jobs, the access log. Every page reads the view behind the API and
//! sends the commands of the API; what an administrator alone may do is a sentence for an auditor.

mod access_log;
pub(in crate::http::ui) mod grants;
mod jobs;
mod offboarding;
mod people;
pub(in crate::http::ui) mod person;
mod person_forms;
mod pipelines;
mod roles;
mod settings;
pub(in crate::http::ui) mod several;
mod team;
mod teams;
mod tokens;

use axum::routing::{get, post};
use chancery_core::access::{Action, Resource};

use super::Page;
use super::Visitor::Person;
use super::session::Shown;
use crate::http::Permit;

/// Lines of a list.
const LINES: u32 = 50;

/// The pages of this area.
pub(super) fn pages() -> Vec<Page> {
    vec![
        (("GET", "/admin/people", Person), get(people::show)),
        (("POST", "/admin/people", Person), post(people::create)),
        (("GET", "/admin/people/{name}", Person), get(person::show)),
        (("GET", "/admin/people/{name}/offboarding", Person), get(offboarding::show)),
        (("POST", "/admin/people/{name}/roles", Person), post(person_forms::set_roles)),
        (("POST", "/admin/people/{name}/proposal", Person), post(person_forms::answer_proposal)),
        (("POST", "/admin/people/{name}/password", Person), post(person_forms::reset_password)),
        (("POST", "/admin/people/{name}/tokens", Person), post(person_forms::issue_token)),
        (("POST", "/admin/people/{name}/end", Person), post(person_forms::end_access)),
        (("GET", "/admin/teams", Person), get(teams::show)),
        (("POST", "/admin/teams", Person), post(teams::create)),
        (("GET", "/admin/teams/{name}", Person), get(team::show)),
        (("POST", "/admin/teams/{name}", Person), post(team::change)),
        (("POST", "/admin/teams/{name}/members", Person), post(team::change_members)),
        (("POST", "/admin/teams/{name}/dissolve", Person), post(team::dissolve)),
        (("GET", "/admin/roles", Person), get(roles::show)),
        (("GET", "/admin/tokens", Person), get(tokens::show)),
        (("POST", "/admin/tokens/revoke", Person), post(tokens::revoke)),
        (("POST", "/admin/tokens/rotate", Person), post(tokens::rotate)),
        (("GET", "/admin/pipelines", Person), get(pipelines::show)),
        (("POST", "/admin/pipelines/try", Person), post(pipelines::try_claims)),
        (("POST", "/admin/pipelines/identities", Person), post(pipelines::add)),
        (("POST", "/admin/pipelines/identities/remove", Person), post(pipelines::remove)),
        (("GET", "/admin/settings", Person), get(settings::show)),
        (("GET", "/admin/jobs", Person), get(jobs::show)),
        (("POST", "/admin/jobs/checks", Person), post(jobs::run)),
        (("GET", "/admin/access-log", Person), get(access_log::show)),
    ]
}

/// A page of the administration, as the others lead to it.
struct Tab {
    path: &'static str,
    words: &'static str,
    here: bool,
}

/// The pages of the administration, and what one must be allowed to open each.
const TABS: &[(&str, &str, Action)] = &[
    ("/admin/people", "People", Action::ReadEntries),
    ("/admin/teams", "Teams", Action::Read),
    ("/admin/roles", "Roles", Action::Read),
    ("/admin/tokens", "Tokens", Action::ReadEntries),
    ("/admin/pipelines", "Pipelines", Action::ReadEntries),
    ("/admin/settings", "Settings", Action::ReadEntries),
    ("/admin/jobs", "Jobs", Action::ReadEntries),
    ("/admin/access-log", "Access log", Action::ReadAccessLog),
];

/// The pages that this person may open.
fn tabs<P: Permit>(own: &Shown<P>, here: &str) -> Vec<Tab> {
    let shown = TABS.iter().filter(|(_, _, action)| *action == Action::Read || may(own, *action));
    shown.map(|(path, words, _)| Tab { path, words, here: *path == here }).collect()
}

/// Whether this person may do something to the registry. Records nothing: it only decides what a page offers.
pub(super) fn may<P: Permit>(own: &Shown<P>, action: Action) -> bool {
    own.allowed.app.decision(&own.allowed.caller, action, &Resource::Registry, None).allowed
}
