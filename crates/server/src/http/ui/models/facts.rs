//! The governed facts of a model as lines, and the names of those that nobody stated.

use chancery_core::names::Timestamp;
use chancery_core::tables::ModelRow;

use super::parts::beginning;
use crate::app::view::ModelView;

/// Most items of a list that are shown.
const MAX_ITEMS: usize = 12;

/// A fact.
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) text: String,
    /// Where to read more.
    pub(super) path: Option<String>,
    pub(super) moment: Option<Timestamp>,
}

fn fact(name: &'static str, text: impl Into<String>) -> Fact {
    Fact { name, text: text.into(), path: None, moment: None }
}

/// What is stated, in the order in which people ask, and what is not.
pub(super) fn facts(view: &ModelView, row: &ModelRow) -> (Vec<Fact>, Vec<&'static str>) {
    let profile = &view.profile;
    let (owner, risk, control) = (&profile.ownership, &profile.risk, &profile.document_control);
    let text = |text: &Option<String>| text.as_deref().map(beginning).unwrap_or_default();
    let stated = [
        ("Owner", text(&owner.owner)),
        ("Backup", text(&owner.backup_owner)),
        ("Escalation contact", text(&owner.escalation_contact)),
        ("Owning team", owner.owning_team.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("Business unit", text(&owner.business_unit)),
        ("Use", text(&profile.use_case)),
        ("Intended users", list(&profile.intended_users)),
        ("Allowed uses", list(&profile.allowed_uses)),
        ("Prohibited uses", list(&profile.prohibited_uses)),
        ("Limitations", text(&profile.limitations)),
        ("Data", profile.classification.map(|word| word.to_string()).unwrap_or_default()),
        ("Personal data", yes_or_no(profile.personal_data)),
        ("Licence", text(&profile.licence)),
        ("Security rating", text(&risk.security_rating)),
        ("Mitigations", list(&risk.mitigation_controls)),
        ("Compliance", text(&risk.compliance_status)),
        ("Fairness tested", yes_or_no(risk.fairness_tested)),
        ("Autonomy", risk.autonomy.map(|word| word.to_string()).unwrap_or_default()),
        ("Audience", risk.audience.map(|word| word.to_string()).unwrap_or_default()),
        ("Document", text(&control.document_id)),
        ("Validator", text(&control.validator)),
        ("Next review", control.next_review.map(|moment| moment.to_string()).unwrap_or_default()),
    ];
    let missing = stated.iter().filter(|(_, text)| text.is_empty()).map(|(name, _)| *name).collect();
    let mut facts: Vec<Fact> = stated.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| fact(name, text)).collect();
    facts.push(fact("Risk score", format!("{} of 100, {}", view.risk_score.score, view.risk_score.level)));
    facts.push(Fact { path: Some(format!("/risks?model={}", crate::http::file::encode(&view.name))), ..fact("Risks", "Risks of this model") });
    facts.push(fact("Policy mode", view.policy_mode.clone().unwrap_or_else(|| "that of the registry".to_owned())));
    facts.push(Fact {
        moment: Some(row.created_at),
        path: Some(format!("/ledger/{}", row.created_index)),
        ..fact("Created", format!("entry {}", row.created_index))
    });
    (facts, missing)
}

fn list(items: &[String]) -> String {
    let mut shown: Vec<String> = items.iter().take(MAX_ITEMS).map(|item| beginning(item)).collect();
    if items.len() > MAX_ITEMS {
        shown.push(format!("and {} more", items.len() - MAX_ITEMS));
    }
    shown.join("; ")
}

fn yes_or_no(stated: Option<bool>) -> String {
    match stated {
        Some(true) => "yes".to_owned(),
        Some(false) => "no".to_owned(),
        None => String::new(),
    }
}
