//! Templates in the input of a gate: whether the one that a document names is approved and in force, and what the document leaves out.

use std::collections::BTreeSet;

use chancery_core::names::Label;
use chancery_core::policy;
use chancery_core::tables::{SettingRow, TemplateNameRow, TemplateRow};
use chancery_core::template::{Status, TEMPLATES};
use serde_json::{Value, json};

use crate::app::AppError;
use crate::app::sequence::Noted;
use crate::store::Snapshot;
use crate::values;

/// Completes `summary.template` of every document that names one. What was read must not change before the commit: the setting of all
/// templates is noted, unless no document names one.
pub(super) async fn resolve(snapshot: &Snapshot, evidence: &mut [policy::Evidence]) -> Result<Option<Noted>, AppError> {
    let mut named = false;
    for piece in evidence {
        let Some((name, version)) = piece.summary.as_ref().and_then(template_of) else { continue };
        named = true;
        let row = snapshot.get::<TemplateRow>(values![name, version]).await?;
        let in_force = snapshot.get::<TemplateNameRow>(values![name]).await?.and_then(|row| row.in_force);
        if let Some(summary) = piece.summary.as_mut() {
            complete(summary, &piece.kind, row.as_ref(), in_force);
        }
    }
    if !named {
        return Ok(None);
    }
    let revision = snapshot.get::<SettingRow>(values![TEMPLATES]).await?.map_or(0, |row| row.revision);
    Ok(Some(Noted::Setting(TEMPLATES, revision)))
}

fn template_of(summary: &Value) -> Option<(Label, u64)> {
    let template = summary.get("template")?;
    Some((Label::parse(template.get("name")?.as_str()?).ok()?, template.get("version")?.as_u64()?))
}

fn complete(summary: &mut Value, kind: &str, row: Option<&TemplateRow>, in_force: Option<u64>) {
    let words = |list: &Value| list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect::<BTreeSet<String>>();
    let present = summary.get("sections").map(words).unwrap_or_default();
    let fits = row.filter(|row| row.evidence_type.as_str() == kind);
    let missing: Vec<String> = fits.map(|row| words(&row.sections).difference(&present).cloned().collect()).unwrap_or_default();
    let Some(template) = summary.get_mut("template").and_then(Value::as_object_mut) else { return };
    template.insert("approved".to_owned(), json!(fits.is_some_and(|row| row.status == Status::Approved)));
    template.insert("current".to_owned(), json!(fits.is_some_and(|row| in_force == Some(row.version))));
    template.insert("missing_sections".to_owned(), json!(missing));
}
