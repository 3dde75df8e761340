//! Plans: for rollback, monitoring or retirement, step by step.
//!
//! Summary: `{plan, steps:[text], monitors?:[{name, kind?, address?}], tested_at?, sections, template?}`.

use serde_json::{Map, Value, json};

use super::super::member::{MAX_NAME, Member, put};
use super::super::reading::Reading;
use super::written::Written;
use crate::refusal::Refusal;

/// JSON form.
pub const FORMAT: &str = "chancery.plan/v1";
/// What a plan is for.
pub const PLANS: &[&str] = &["rollback", "monitoring", "retirement"];

/// Reads a plan. In Markdown the steps may be the list under the heading `Steps`.
///
/// # Errors
/// `invalid_field` that names the member.
pub fn read(bytes: &[u8]) -> Result<Reading, Refusal> {
    let plan = Written::parse(bytes, FORMAT)?;
    let whole = plan.whole();
    let mut summary = Map::new();
    summary.insert("plan".to_owned(), json!(whole.need("plan")?.one_of(PLANS)?));
    let steps = plan.list("steps")?;
    if steps.is_empty() {
        return Err(Refusal::invalid("steps", "a plan has at least one step"));
    }
    summary.insert("steps".to_owned(), json!(steps));
    let monitors = whole.get("monitors").map(|monitors| monitors.items()).transpose()?;
    let monitors = monitors.map(|items| items.iter().map(monitor).collect::<Result<Vec<_>, _>>()).transpose()?;
    put(&mut summary, "monitors", monitors);
    put(&mut summary, "tested_at", whole.get("tested_at").map(|at| at.time()).transpose()?);
    plan.reading(summary, plan.claims()?)
}

fn monitor(item: &Member<'_>) -> Result<Value, Refusal> {
    let mut monitor = Map::new();
    monitor.insert("name".to_owned(), json!(item.need("name")?.name()?));
    put(&mut monitor, "kind", item.get("kind").map(|kind| kind.name()).transpose()?);
    put(&mut monitor, "address", item.get("address").map(|address| address.text(MAX_NAME)).transpose()?);
    Ok(Value::Object(monitor))
}
