//! `/api/v1/docs`: the operations of the OpenAPI document as a plain page, without any script or outside asset.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// Nothing may be loaded, run, framed or sent: the page is text.
const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The page, made once from the document.
pub(super) fn page(document: &utoipa::openapi::OpenApi) -> Arc<str> {
    html(&serde_json::to_value(document).unwrap_or_default()).into()
}

/// The answer with the page.
pub(super) fn response(page: &str) -> Response {
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, POLICY), (REFERRER_POLICY, "no-referrer")];
    (headers, page.to_owned()).into_response()
}

fn html(document: &Value) -> String {
    let mut text = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Chancery API</title></head>\n<body>\n<h1>Chancery API</h1>\n\
         <p>The whole contract is in <a href=\"/api/v1/openapi.json\">openapi.json</a>.</p>\n\
         <table>\n<thead><tr><th scope=\"col\">Method</th><th scope=\"col\">Path</th><th scope=\"col\">What it does</th><th scope=\"col\">Access</th></tr></thead>\n<tbody>\n",
    );
    for (path, item) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                row(&mut text, method, path, operation);
            }
        }
    }
    text.push_str("</tbody>\n</table>\n</body>\n</html>\n");
    text
}

fn row(text: &mut String, method: &str, path: &str, operation: &Value) {
    let word = |name: &str| escape(operation.get(name).and_then(Value::as_str).unwrap_or_default());
    let description = word("description");
    let more = if description.is_empty() { String::new() } else { format!("<br>{description}") };
    let access = if operation.get("security").is_some() { "token" } else { "anyone" };
    let _ = writeln!(
        text,
        "<tr id=\"{}\"><td>{}</td><td><code>{}</code></td><td>{}{more}</td><td>{access}</td></tr>",
        word("operationId"),
        method.to_uppercase(),
        escape(path),
        word("summary")
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_lists_every_operation() {
        let document = super::super::document();
        let page = page(&document);
        let value = serde_json::to_value(&document).unwrap();
        let operations: Vec<&Value> = value["paths"].as_object().unwrap().values().flat_map(|item| METHODS.iter().filter_map(|method| item.get(method))).collect();
        assert!(operations.len() > 30, "{}", operations.len());
        for operation in operations {
            let id = operation["operationId"].as_str().unwrap();
            assert_eq!(page.matches(&format!("<tr id=\"{id}\">")).count(), 1, "{id}");
        }
    }

    #[test]
    fn text_of_the_document_is_text_on_the_page() {
        let document = serde_json::json!({"paths": {"/a/{b}": {"get": {"operationId": "x", "summary": "<script>\"&", "security": []}}}});
        let page = html(&document);
        assert!(page.contains("<td>&lt;script&gt;&quot;&amp;</td><td>token</td>"), "{page}");
    }
}
