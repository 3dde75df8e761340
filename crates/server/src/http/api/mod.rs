//! `/api/v1`: one file per capability, each with its routes, bodies and handlers. The OpenAPI document is generated from them.
//!
//! A handler is extract → command → execute → view. Every operation says its effect in `extensions(("x-effect" = …))`:
//! `entry` (appends to the ledger), `scratch` (writes no record) or `none` (reads). Tests walk the document by it.

pub(super) mod access_log;
mod access_policy;
mod account;
mod alias;
mod as_of;
mod attestation;
mod binding;
pub(in crate::http) mod bundle;
pub(in crate::http) mod can_i;
pub mod check;
pub(super) mod compare;
pub mod decision;
pub mod delegation;
mod docs;
pub mod download;
mod emergency;
mod end_of_life;
mod erasure;
pub(super) mod evidence;
pub(super) mod exception;
mod exchange;
mod explain;
mod finding;
mod govern;
pub(super) mod grant;
pub(super) mod group;
pub(super) mod history;
pub(super) mod identity;
pub(super) mod jobs;
pub(super) mod key;
pub mod ledger;
pub(super) mod lineage;
mod login;
pub mod model;
mod package;
pub mod policy;
pub mod promotion;
mod resolve;
mod review;
pub(super) mod risk;
pub mod rollback;
pub mod system;
pub(super) mod tag;
pub(super) mod team;
mod template;
pub mod token;
pub(super) mod trace;
mod transfer;
pub mod transition;
pub mod upload;
pub mod user;
pub(super) mod version;

use axum::Router;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, RefOr};
use utoipa_axum::router::OpenApiRouter;

use super::error::{PROBLEM, Problem};
use super::extract::ReceiptView;
use crate::app::App;

#[derive(OpenApi)]
#[openapi(
    info(title = "Chancery", description = "Compliance-grade registry for AI models.", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    components(schemas(Problem, ReceiptView)),
    modifiers(&Bearer)
)]
struct Document;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("bearer", SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()));
    }
}

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(system::routes())
        .merge(model::routes())
        .merge(govern::routes())
        .merge(check::routes())
        .merge(promotion::routes())
        .merge(delegation::routes())
        .merge(rollback::routes())
        .merge(emergency::routes())
        .merge(exception::routes())
        .merge(transition::routes())
        .merge(policy::routes())
        .merge(bundle::routes())
        .merge(explain::routes())
        .merge(access_policy::routes())
        .merge(can_i::routes())
        .merge(user::routes())
        .merge(login::routes())
        .merge(account::routes())
        .merge(binding::routes())
        .merge(group::routes())
        .merge(grant::routes())
        .merge(erasure::routes())
        .merge(team::routes())
        .merge(transfer::routes())
        .merge(access_log::routes())
        .merge(token::routes())
        .merge(exchange::routes())
        .merge(identity::routes())
        .merge(key::routes())
        .merge(decision::routes())
        .merge(attestation::routes())
        .merge(ledger::routes())
        .merge(lineage::routes())
        .merge(version::routes())
        .merge(tag::routes())
        .merge(template::routes())
        .merge(alias::routes())
        .merge(evidence::routes())
        .merge(history::routes())
        .merge(compare::routes())
        .merge(trace::routes())
        .merge(resolve::routes())
        .merge(risk::routes())
        .merge(review::routes())
        .merge(finding::routes())
        .merge(jobs::routes())
        .merge(end_of_life::routes())
}

/// The OpenAPI 3.1 document.
pub fn document() -> utoipa::openapi::OpenApi {
    problem_media_type(plain_paths(routes().merge(upload::routes()).merge(download::routes()).into_openapi()))
}

/// Refusals come as problems (RFC 9457), with the media type of these.
fn problem_media_type(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    fn is_problem(content: &RefOr<Content>) -> bool {
        matches!(content, RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) if schema.ref_location.ends_with("/Problem"))
    }
    let items = document.paths.paths.values_mut();
    let operations = items.flat_map(|item| [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch, &mut item.head]).flatten();
    for response in operations.flat_map(|operation| operation.responses.responses.values_mut()) {
        let RefOr::T(response) = response else { continue };
        if response.content.values().any(is_problem) {
            response.content = std::mem::take(&mut response.content).into_values().map(|content| (PROBLEM.to_owned(), content)).collect();
        }
    }
    document
}

/// OpenAPI knows no `{*key}`, the router's way to say that a parameter may hold `/`.
fn plain_paths(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths = paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
    document
}

/// The routes of `/api/v1`, without uploads and downloads.
pub fn router(app: App) -> Router {
    let (router, _) = routes().split_for_parts();
    let document = document();
    let page = docs::page(&document);
    let text: std::sync::Arc<str> = document.to_json().unwrap_or_default().into();
    router
        .with_state(app)
        .route("/api/v1/docs", get(move || std::future::ready(docs::response(&page))))
        .route("/api/v1/openapi.json", get(move || std::future::ready(([(axum::http::header::CONTENT_TYPE, "application/json")], text.to_string()))))
}

/// Text in which the wildcards of LIKE mean themselves, with `\` as escape.
pub(super) fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// The cursor of a page that is ordered by a number.
pub(in crate::http) fn number_cursor(page: &super::PageQuery) -> Result<Option<u64>, chancery_core::refusal::Refusal> {
    let number = |text: String| text.parse().map_err(|_| chancery_core::refusal::Refusal::invalid("after", "after must be the `next` of a page"));
    page.after()?.map(number).transpose()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_operation_has_a_name_of_its_own_and_says_its_effect() {
        // Routes that overlap make the router panic here.
        let document = serde_json::to_value(super::document()).unwrap();
        let mut names = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            assert!(!path.contains('*'), "{path} is no OpenAPI path");
            for (method, operation) in item.as_object().unwrap().iter().filter(|(_, operation)| operation.get("operationId").is_some()) {
                let name = operation["operationId"].as_str().unwrap();
                assert!(names.insert(name.to_owned()), "{name} is there twice");
                assert!(matches!(operation["x-effect"].as_str(), Some("entry" | "scratch" | "none")), "{method} {path} does not say its effect");
            }
        }
        assert!(names.contains("version_register") && names.contains("trace"));
    }
}
