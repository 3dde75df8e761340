//! Lists that take a filter and a page: query fields of several types, of which none may be unknown.

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use chancery_core::refusal::Refusal;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::error::{Problem, malformed, refused};

/// Query parameters of several types, such as a filter and a page: each takes the fields that it describes to the API's readers, and a
/// field that none of them describes is refused.
#[derive(Clone, Copy, Debug)]
pub struct Queries<T>(pub T);

impl<S: Send + Sync, A: DeserializeOwned + IntoParams, B: DeserializeOwned + IntoParams> FromRequestParts<S> for Queries<(A, B)> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        check_fields(query, &[fields::<A>(), fields::<B>()].concat())?;
        Ok(Self((part_of(query)?, part_of(query)?)))
    }
}

impl<S: Send + Sync, A: DeserializeOwned + IntoParams, B: DeserializeOwned + IntoParams, C: DeserializeOwned + IntoParams> FromRequestParts<S>
    for Queries<(A, B, C)>
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        check_fields(query, &[fields::<A>(), fields::<B>(), fields::<C>()].concat())?;
        Ok(Self((part_of(query)?, part_of(query)?, part_of(query)?)))
    }
}

/// Names of the query fields that a type describes.
fn fields<T: IntoParams>() -> Vec<String> {
    T::into_params(|| None).into_iter().map(|parameter| parameter.name).collect()
}

/// The name of a `name=value` of a query.
fn name_of(field: &str) -> &str {
    field.split('=').next().unwrap_or_default()
}

fn check_fields(query: &str, known: &[String]) -> Result<(), Problem> {
    // No name or text has a NUL, and PostgreSQL takes none.
    if query.contains("%00") {
        return Err(refused(Refusal::invalid("query", "the query must not contain a NUL character")));
    }
    let is_unknown = |field: &&str| !field.is_empty() && !known.iter().any(|name| name == name_of(field));
    match query.split('&').find(is_unknown) {
        None => Ok(()),
        Some(field) => {
            let shown: String = name_of(field).chars().filter(|letter| *letter != '`').take(100).collect();
            Err(refused(Refusal::invalid("query", &format!("unknown field `{shown}`, expected one of: {}", known.join(", ")))))
        }
    }
}

/// The fields of a query that a type describes, read as that type.
fn part_of<T: DeserializeOwned + IntoParams>(query: &str) -> Result<T, Problem> {
    let known = fields::<T>();
    let own: Vec<&str> = query.split('&').filter(|field| known.iter().any(|name| name == name_of(field))).collect();
    let uri = Uri::builder().path_and_query(format!("/?{}", own.join("&"))).build();
    let uri = uri.map_err(|error| malformed("query", &error.to_string()))?;
    axum::extract::Query::<T>::try_from_uri(&uri).map(|part| part.0).map_err(|rejection| refused(misread(&rejection.body_text())))
}

/// The refusal of a query that does not fit its type. It names the parameter where the text of the error does.
pub(super) fn misread(text: &str) -> Refusal {
    let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(text);
    let is_name = |name: &&str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if let Some(name) = text.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return Refusal::invalid(name, &format!("the query needs `{name}`"));
    }
    match text.split_once(": ").filter(|(name, _)| is_name(name)) {
        Some((name, why)) => Refusal::invalid(name, &format!("`{name}` of the query: {why}")),
        None => Refusal::invalid("query", text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::PageQuery;

    #[derive(serde::Deserialize, IntoParams)]
    struct Filter {
        #[serde(rename = "model")]
        name: Option<String>,
    }

    #[test]
    fn each_type_takes_its_own_fields_and_an_unknown_one_is_refused() {
        let known = [fields::<Filter>(), fields::<PageQuery>()].concat();
        assert_eq!(known, ["model", "limit", "after"]);
        let query = "limit=2&model=a%26b&after=x%3Dy";
        assert!(check_fields(query, &known).is_ok() && check_fields("", &known).is_ok());
        assert_eq!(part_of::<Filter>(query).unwrap().name.as_deref(), Some("a&b"));
        let page = part_of::<PageQuery>(query).unwrap();
        assert_eq!((page.limit, page.after.as_deref()), (Some(2), Some("x=y")));
        for wrong in ["models=a", "limit=2&state=x", "model=%00", "Limit=1"] {
            assert!(check_fields(wrong, &known).is_err(), "{wrong}");
        }
        for wrong in ["limit=many", "limit=1&limit=2"] {
            assert!(part_of::<PageQuery>(wrong).is_err(), "{wrong}");
        }
    }
}
