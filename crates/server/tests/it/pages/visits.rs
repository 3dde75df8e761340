//! Which addresses of a page are looked at, and by whom: each route of the pages has its line here.

use super::world::World;

/// A page that is opened.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub(super) path: String,
    /// Nobody is logged in without one.
    pub(super) person: &'static str,
    pub(super) status: u16,
}

/// What a page is, to those who look at it.
pub(super) enum Fixture {
    /// A page: these are opened in the browser.
    Page(Vec<Visit>),
    /// Bytes that a page leads to: they are fetched.
    Bytes(Vec<Visit>),
}

impl Fixture {
    /// With a page that says no.
    pub(super) fn and(mut self, person: &'static str, path: &str, status: u16) -> Self {
        let (Self::Page(visits) | Self::Bytes(visits)) = &mut self;
        visits.push(Visit { path: path.to_owned(), person, status });
        self
    }
}

/// A route with every name of a parameter left out: what they are called is not asked here.
pub(super) fn shape(pattern: &str) -> String {
    let parts = pattern.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn seen(person: &'static str, path: impl Into<String>) -> Visit {
    Visit { path: path.into(), person, status: 200 }
}

fn all<const N: usize>(person: &'static str, paths: [&str; N]) -> Fixture {
    Fixture::Page(paths.iter().map(|path| seen(person, *path)).collect())
}

/// What is looked at of a route; none for a route that nobody wrote a fixture for.
pub(super) fn fixture(world: &World, pattern: &str) -> Option<Fixture> {
    use Fixture::{Bytes, Page};
    let refused = |person, path: &str, status| Visit { path: path.to_owned(), person, status };
    let entry = |part: &str| vec![seen("model-auditor", format!("/ledger/{}/{part}", world.verdict))];
    Some(match shape(pattern).as_str() {
        "/ledger/{}/entry" => Bytes(entry("entry")),
        "/ledger/{}/proof" => Bytes(entry("proof")),
        "/open/{}" => Bytes(vec![
            seen("scientist", "/open/api/v1/models?limit=2"),
            refused("reader", "/open/api/v1/access-log", 403),
            refused("scientist", "/open/api/v1/none", 404),
        ]),
        "/assets/chancery.css" | "/assets/icon.svg" | "/assets/verify.js" => Bytes(vec![seen("", pattern)]),
        "/login" => all("", ["/login", "/login?next=%2Fmodels"]),
        // The provider of this registry is nowhere, and a browser that comes back from nowhere is told so.
        "/login/oidc" => Page(vec![refused("", "/login/oidc", 401)]),
        "/login/oidc/callback" => Page(vec![refused("", "/login/oidc/callback?code=x&state=y", 401)]),
        "/password" => all("", ["/password"]),
        "/account" => Page(vec![seen("scientist", "/account"), seen("registrar", "/account"), refused("newcomer", "/account", 403)]),
        "/" => {
            let mut visits: Vec<Visit> = ["security-lead", "scientist", "model-owner"].map(|person| seen(person, "/")).into();
            // Without a role there is no inbox: it is said how to get one.
            visits.push(refused("newcomer", "/", 403));
            Page(visits)
        }
        _ => return super::areas::fixture(world, pattern),
    })
}
