//! Models: the list with its search, a model, a comparison of two versions, what a search box finds, a trace.

mod chart;
mod compare;
mod facts;
mod find;
mod forms;
mod history;
mod list;
mod parts;
mod show;
mod trace;

use axum::routing::{get, post};

use super::Page;
use super::Visitor::Person;

/// The pages of this area.
pub(super) fn pages() -> Vec<Page> {
    vec![
        (("GET", "/models", Person), get(list::list)),
        (("GET", "/models/{name}", Person), get(show::show)),
        (("GET", "/models/{name}/history", Person), get(history::show)),
        (("GET", "/models/{name}/compare", Person), get(compare::choose)),
        (("GET", "/models/{name}/compare/{pair}", Person), get(compare::show)),
        (("POST", "/models/{name}/aliases", Person), post(forms::alias)),
        (("POST", "/models/{name}/tags", Person), post(forms::tag)),
        (("POST", "/models/{name}/risk-tier", Person), post(forms::tier)),
        (("POST", "/models/{name}/tier-proposal", Person), post(forms::verdict)),
        (("POST", "/models/{name}/tier-proposal/withdraw", Person), post(forms::withdraw)),
        (("GET", "/find", Person), get(find::find)),
        (("GET", "/trace/{*composite}", Person), get(trace::show)),
    ]
}
