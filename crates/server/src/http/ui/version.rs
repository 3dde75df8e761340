//! A version with its parts, documents of evidence, lineage.

mod act;
mod document;
mod drawing;
mod evidence;
mod facts;
mod files;
mod findings;
mod gate;
mod history;
mod lineage;
mod markdown;
mod show;
mod subject;
mod words;

use axum::routing::{get, post};

use super::{Page, Visitor};

/// The pages of this area.
pub(super) fn pages() -> Vec<Page> {
    use Visitor::Person;
    vec![
        (("GET", "/models/{name}/{number}", Person), get(show::show)),
        (("GET", "/models/{name}/{number}/files", Person), get(files::show)),
        (("GET", "/models/{name}/{number}/evidence", Person), get(evidence::show)),
        (("GET", "/models/{name}/{number}/findings", Person), get(findings::show)),
        (("GET", "/models/{name}/{number}/history", Person), get(history::show)),
        (("GET", "/models/{name}/{number}/lineage", Person), get(lineage::show)),
        (("GET", "/evidence/{digest}", Person), get(document::show)),
        (("POST", "/models/{name}/{number}/promotions", Person), post(act::promote)),
        (("POST", "/models/{name}/{number}/transitions", Person), post(act::transition)),
        (("POST", "/models/{name}/{number}/tags", Person), post(act::tag)),
    ]
}
