//! Search for models and versions in the language of MLflow (`docs/mlflow.md`): filter, order, pages.
//!
//! A request is understood whole before the database is asked; what is wrong with it comes back as the text that clients know.
//! INVARIANT: what is hidden is never found, and prompts only when the filter asks for them.

mod clause;
mod filter;
mod lexer;
mod order;
mod page;
mod plan;
mod sql;
#[cfg(test)]
mod tests;
mod within;

use chancery_core::names::ModelName;
use chancery_core::rows::{Field as _, Row, Value};
use chancery_core::tables::{ModelRow, VersionRow};

pub use filter::{Filter, Target, parse_filter};
pub use order::{Order, parse_order};
pub use page::{Page, parse_page};
pub use within::{Has, Within};

use crate::app::AppError;
use crate::fault::Fault;
use crate::store::{Snapshot, Values};
use plan::Plan;

/// Most models of a page.
pub const MAX_MODELS: i64 = 1_000;
/// Most versions of a page.
pub const MAX_VERSIONS: i64 = 200_000;

/// Why a search was not understood: the message for INVALID_PARAMETER_VALUE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad(pub String);

/// A search that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// What must hold.
    pub filter: Filter,
    /// In which order.
    pub order: Order,
    /// Most results of this page, at least 1.
    pub max_results: usize,
    /// Where the page before ended; none for the first page.
    pub page: Option<Page>,
    /// What must hold beside the filter.
    pub within: Within,
}

impl Query {
    /// Understands the parameters of a request: `filter` and `page_token` are empty when absent, `max_results` has its default already.
    ///
    /// # Errors
    /// The first mistake, in the order in which the reference looks: size of the page, filter, order, page token.
    pub fn new(target: Target, filter: &str, order_by: &[String], max_results: i64, page_token: &str) -> Result<Self, Bad> {
        let most = match target {
            Target::Models => MAX_MODELS,
            Target::Versions => MAX_VERSIONS,
        };
        if max_results < 1 {
            return Err(Bad(format!("Invalid value for max_results. It must be a positive integer, but got {max_results}")));
        }
        if max_results > most {
            return Err(Bad(format!("Invalid value for request parameter max_results. It must be at most {most}, but got value {max_results}")));
        }
        let filter = parse_filter(filter, target)?;
        let order = parse_order(order_by, target)?;
        let page = parse_page(page_token, &order)?;
        Ok(Self { filter, order, max_results: usize::try_from(max_results).unwrap_or(1), page, within: Within::default() })
    }

    /// Models of every kind by name, prompts among them: `filter` may be empty, and what must hold beside it is `within`.
    ///
    /// # Errors
    /// The first mistake of the filter.
    pub fn for_models(filter: &str, within: Within, max_results: usize, after: Option<String>) -> Result<Self, Bad> {
        let mut query = Self::new(Target::Models, filter, &[], 1, "")?;
        query.filter.prompts = clause::Prompts::Shown;
        Ok(Self { max_results, page: after.map(|name| Page { after: vec![Value::Text(name)] }), within, ..query })
    }
}

/// A version that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The name of its model.
    pub name: ModelName,
    /// The version.
    pub version: VersionRow,
}

/// A page of models and the token of the next page, when there is one.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn models(snapshot: &Snapshot, query: &Query) -> Result<(Vec<ModelRow>, Option<String>), AppError> {
    let columns = columns("m", ModelRow::TABLE.columns.iter().map(|column| column.name));
    let plan = Plan { target: Target::Models, columns: &columns, query };
    page(plan, snapshot, |values| Ok(ModelRow::from_values(values)?)).await
}

/// A page of versions and the token of the next page, when there is one.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn versions(snapshot: &Snapshot, query: &Query) -> Result<(Vec<Found>, Option<String>), AppError> {
    let columns = columns("v", VersionRow::TABLE.columns.iter().map(|column| column.name));
    let columns = format!("{columns}, m.name");
    let plan = Plan { target: Target::Versions, columns: &columns, query };
    let found = |mut values: Values| {
        let name = ModelName::from_value(values.pop().unwrap_or(Value::Null))?;
        Ok(Found { name, version: VersionRow::from_values(values)? })
    };
    page(plan, snapshot, found).await
}

/// One more than the page holds is looked for: it tells whether there is a next page.
async fn page<T>(plan: Plan<'_>, snapshot: &Snapshot, read: impl Fn(Values) -> Result<T, Fault>) -> Result<(Vec<T>, Option<String>), AppError> {
    let size = plan.query.max_results;
    let mut rows = plan.rows(snapshot, size.saturating_add(1), read).await?;
    let has_more = rows.len() > size;
    rows.truncate(size);
    let token = rows.last().filter(|_| has_more).map(|(_, place)| place.token(&plan.query.order));
    Ok((rows.into_iter().map(|(found, _)| found).collect(), token))
}

fn columns(table: &str, names: impl Iterator<Item = &'static str>) -> String {
    names.map(|name| format!("{table}.\"{name}\"")).collect::<Vec<_>>().join(", ")
}
