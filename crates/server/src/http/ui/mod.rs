//! The web pages: forms and links, made on the server, without a script. Another client of the same core.
//!
//! INVARIANT: a handler that shows something takes [`session::Shown`], one that changes something takes [`form::Posted`]; both ask who is
//! logged in, check the host and the right before the handler runs, and are the only way to a form. Cookies mean nothing to the API.

mod account;
pub(in crate::http::ui) mod admin;
mod again;
pub mod filters;
pub mod form;
pub mod frame;
mod inbox;
pub mod layout;
mod ledger;
mod login;
mod models;
mod oidc;
pub mod open;
mod policy;
mod promotion;
mod registers;
pub mod session;
mod version;

use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router};

use crate::app::App;

/// Who may open a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visitor {
    /// Anybody.
    Anybody,
    /// Whoever is logged in.
    Person,
}

/// A page: verb, path, who may open it.
pub type Route = (&'static str, &'static str, Visitor);

/// A page with its handler.
type Page = (Route, MethodRouter<App>);

fn pages() -> Vec<Page> {
    let areas = [inbox::pages, models::pages, version::pages, promotion::pages, registers::pages, ledger::pages, policy::pages, admin::pages];
    areas.into_iter().flat_map(|area| area()).chain(entrance()).collect()
}

/// Logging in and out, the own page, what pages are made with.
fn entrance() -> Vec<Page> {
    use Visitor::{Anybody, Person};
    vec![
        (("GET", layout::STYLE_PATH, Anybody), get(layout::style)),
        (("GET", layout::ICON_PATH, Anybody), get(layout::icon)),
        (("GET", "/login", Anybody), get(login::show)),
        (("POST", "/login", Anybody), post(login::log_in)),
        (("GET", "/login/oidc", Anybody), get(oidc::begin)),
        (("GET", crate::app::login::oidc::CALLBACK, Anybody), get(oidc::finish)),
        (("GET", "/password", Anybody), get(login::show_password)),
        (("POST", "/password", Anybody), post(login::set_password)),
        (("POST", "/logout", Person), post(login::log_out)),
        (("GET", "/open/{*path}", Person), get(open::show)),
        (("GET", "/account", Person), get(account::show)),
        (("POST", "/account/password", Person), post(account::set_password)),
        (("POST", "/account/sessions", Person), post(account::end_sessions)),
        (("POST", "/account/tokens", Person), post(account::revoke_token)),
        (("POST", "/account/tokens/new", Person), post(account::own_keys::issue)),
        (("POST", "/account/keys", Person), post(account::own_keys::add)),
        (("POST", "/account/keys/remove", Person), post(account::own_keys::remove)),
        (("POST", "/account/theme", Person), post(account::own_keys::set_theme)),
    ]
}

/// Every page; tests walk them.
pub fn routes() -> Vec<Route> {
    pages().into_iter().map(|(route, _)| route).collect()
}

/// The pages.
pub fn router(app: App) -> Router {
    let routes = pages().into_iter().fold(Router::new(), |router, ((_, path, _), handler)| router.route(path, handler));
    routes.layer(from_fn_with_state(app.clone(), session::framed)).layer(Extension(open::Api::of(&app))).with_state(app)
}
