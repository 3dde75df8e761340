//! Promotions: the list, the approver's page with its forms, and rollback.

mod bar;
mod finding;
mod forms;
mod hand;
mod list;
mod rollback;
mod score;
mod show;
mod words;

use axum::routing::{get, post};

use super::{Page, Visitor};

/// The pages of this area.
pub(super) fn pages() -> Vec<Page> {
    use Visitor::Person;
    vec![
        (("GET", "/promotions", Person), get(list::list)),
        (("GET", "/promotions/{id}", Person), get(show::show)),
        (("POST", "/promotions/{id}/verdict", Person), post(forms::verdict)),
        (("POST", "/promotions/{id}/withdraw", Person), post(forms::withdraw)),
        (("POST", "/promotions/{id}/cancel", Person), post(forms::cancel)),
        (("POST", "/promotions/{id}/execute", Person), post(forms::execute)),
        (("POST", "/promotions/{id}/refresh", Person), post(forms::refresh)),
        (("POST", "/promotions/{id}/comment", Person), post(forms::comment)),
        (("POST", "/promotions/{id}/conditions/{number}/met", Person), post(forms::meet)),
        (("GET", "/models/{name}/{number}/rollback", Person), get(rollback::show)),
        (("POST", "/models/{name}/{number}/rollback", Person), post(rollback::roll_back)),
    ]
}
