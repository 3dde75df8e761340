//! Risk assessments: the conclusion, and the risks with what is done about them.
//!
//! Summary: `{tier?, assessor?, date?, conclusion, risks:[{title, severity, likelihood?, status, mitigation?}], sections, template?}`.

use serde_json::{Map, Value, json};

use super::super::member::{MAX_TEXT, Member, put};
use super::super::reading::Reading;
use super::written::Written;
use crate::names::RiskTier;
use crate::refusal::Refusal;

/// JSON form.
pub const FORMAT: &str = "chancery.risk-assessment/v1";
/// What an assessment may come to.
pub const CONCLUSIONS: &[&str] = &["acceptable", "acceptable-with-mitigations", "not-acceptable"];
/// How bad a risk is.
pub const SEVERITIES: &[&str] = &["low", "medium", "high", "critical"];
/// How likely it is.
pub const LIKELIHOODS: &[&str] = &["rare", "possible", "likely", "certain"];
/// Where it stands.
pub const STATUSES: &[&str] = &["open", "mitigated", "accepted", "closed"];

/// Reads an assessment.
///
/// # Errors
/// `invalid_field` that names the member.
pub fn read(bytes: &[u8]) -> Result<Reading, Refusal> {
    let assessment = Written::parse(bytes, FORMAT)?;
    let whole = assessment.whole();
    let mut summary = Map::new();
    let tiers: Vec<&'static str> = RiskTier::ALL.iter().map(|tier| tier.as_str()).collect();
    put(&mut summary, "tier", whole.get("tier").map(|tier| tier.one_of(&tiers)).transpose()?);
    put(&mut summary, "assessor", whole.get("assessor").map(|assessor| assessor.name()).transpose()?);
    put(&mut summary, "date", whole.get("date").map(|date| date.time()).transpose()?);
    summary.insert("conclusion".to_owned(), json!(whole.need("conclusion")?.one_of(CONCLUSIONS)?));
    let risks = whole.get("risks").map_or_else(|| Ok(Vec::new()), |risks| risks.items())?;
    summary.insert("risks".to_owned(), risks.iter().map(risk).collect::<Result<Vec<_>, _>>()?.into());
    assessment.reading(summary, assessment.claims()?)
}

fn risk(item: &Member<'_>) -> Result<Value, Refusal> {
    let mut risk = Map::new();
    risk.insert("title".to_owned(), json!(item.need("title")?.name()?));
    risk.insert("severity".to_owned(), json!(item.need("severity")?.one_of(SEVERITIES)?));
    put(&mut risk, "likelihood", item.get("likelihood").map(|likelihood| likelihood.one_of(LIKELIHOODS)).transpose()?);
    risk.insert("status".to_owned(), json!(item.need("status")?.one_of(STATUSES)?));
    put(&mut risk, "mitigation", item.get("mitigation").map(|mitigation| mitigation.text(MAX_TEXT)).transpose()?);
    Ok(Value::Object(risk))
}
