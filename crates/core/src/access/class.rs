//! The access class of a model: the attributes that access policies read, as one line of text. Two models of one class are readable by
//! the same callers, so a search decides once for a class and not once for a model.
//!
//! INVARIANT: whatever a policy can tell two models apart by is in the class. A model that a grant or an access policy names has its id
//! in its class, and so a class of its own; it keeps it when nothing names it any more.

use std::fmt;

use crate::entry::Entry;
use crate::model::Profile;
use crate::names::{Classification, Label, ModelId, ModelKind, RiskTier};
use crate::refusal::{Code, Refusal};
use crate::registry;
use crate::rows::{Missing, Rows};
use crate::tables::{AccessClassRow, ModelRow};

use super::grant::{Grant, Scope};

/// What stands where an attribute is not known.
const NONE: &str = "-";

/// The attributes that access policies read. Written `TEAM/TIER/CLASSIFICATION/KIND/PERSONAL-DATA`, with `/MODEL` behind when policies or grants
/// name the model; `-` where nothing was said.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccessClass {
    /// Team that owns the model.
    pub team: Option<Label>,
    /// Risk tier.
    pub tier: RiskTier,
    /// Confidentiality.
    pub classification: Option<Classification>,
    /// Kind.
    pub kind: ModelKind,
    /// Whether personal data is involved.
    pub personal_data: Option<bool>,
    /// The model, when a grant or a policy names it.
    pub model: Option<ModelId>,
}

impl AccessClass {
    /// The class of a model that nothing names.
    pub fn of(profile: &Profile, kind: ModelKind, tier: RiskTier) -> Self {
        let team = profile.ownership.owning_team.clone();
        Self { team, tier, classification: profile.classification, kind, personal_data: profile.personal_data, model: None }
    }

    /// Parses the written form.
    ///
    /// # Errors
    /// `invalid_field` for anything that no model has as its class.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let bad = || Refusal::new(Code::InvalidField, "this is no access class").field("access_class").remedy("give one that a model has");
        let mut words = text.split('/');
        let mut next = || words.next().ok_or_else(bad);
        let (team, tier, classification, kind, personal) = (next()?, next()?, next()?, next()?, next()?);
        let model = words.next();
        if words.next().is_some() {
            return Err(bad());
        }
        Ok(Self {
            team: known(team).map(Label::parse).transpose()?,
            tier: RiskTier::parse(tier)?,
            classification: known(classification).map(Classification::parse).transpose()?,
            kind: ModelKind::parse(kind)?,
            personal_data: match personal {
                "yes" => Some(true),
                "no" => Some(false),
                NONE => None,
                _ => return Err(bad()),
            },
            model: model.map(ModelId::parse).transpose()?,
        })
    }
}

fn known(word: &str) -> Option<&str> {
    Some(word).filter(|word| *word != NONE)
}

impl fmt::Display for AccessClass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let team = self.team.as_ref().map_or(NONE, Label::as_str);
        let classification = self.classification.map_or(NONE, Classification::as_str);
        let personal = match self.personal_data {
            Some(true) => "yes",
            Some(false) => "no",
            None => NONE,
        };
        write!(formatter, "{team}/{}/{classification}/{}/{personal}", self.tier, self.kind)?;
        match &self.model {
            Some(model) => write!(formatter, "/{model}"),
            None => Ok(()),
        }
    }
}

impl ModelRow {
    /// The class of the model; none for a row that was not written by `apply`.
    pub fn class(&self) -> Option<AccessClass> {
        AccessClass::parse(&self.access_class).ok()
    }
}

/// Notes that a class exists, and gives its text for the row of a model.
pub(crate) fn noted(rows: &mut Rows, class: &AccessClass) -> String {
    let text = class.to_string();
    rows.put(&AccessClassRow { class: text.clone() });
    text
}

/// The text of the class that an existing model has from this entry on. When it is another one, the access revision moves: what was
/// allowed on the model a moment ago is decided again.
pub(crate) fn changed(rows: &mut Rows, entry: &Entry, before: &ModelRow, class: AccessClass) -> Result<String, Missing> {
    let model = before.class().and_then(|class| class.model);
    let text = noted(rows, &AccessClass { model, ..class });
    if text != before.access_class {
        registry::move_access_revision(rows, entry)?;
    }
    Ok(text)
}

/// Gives each model that one of these grants names a class of its own.
///
/// # Errors
/// [`Missing`].
pub(crate) fn name_in_grants(rows: &mut Rows, entry: &Entry, grants: &[Grant]) -> Result<(), Missing> {
    for grant in grants {
        match &grant.scope {
            Scope::Model(model) => name(rows, entry, model)?,
            Scope::Registry | Scope::Team(_) => {}
        }
    }
    Ok(())
}

/// Gives a model a class of its own, when there is such a model.
///
/// # Errors
/// [`Missing`].
pub(crate) fn name(rows: &mut Rows, entry: &Entry, id: &ModelId) -> Result<(), Missing> {
    let Some(row) = rows.get::<ModelRow>(&[id])? else { return Ok(()) };
    let Some(class) = row.class().filter(|class| class.model.is_none()) else { return Ok(()) };
    let text = noted(rows, &AccessClass { model: Some(id.clone()), ..class });
    registry::move_access_revision(rows, entry)?;
    rows.put(&ModelRow { access_class: text, ..row });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::model_id;

    #[test]
    fn a_class_is_read_as_it_is_written() {
        let named = format!("credit-risk/high/restricted/model/yes/{}", model_id(1));
        for text in ["-/unclassified/-/model/-", "credit-risk/high/confidential/adapter/no", named.as_str()] {
            assert_eq!(AccessClass::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", "-", "risk/minimal/-", "-/high/-/model/maybe", "-/high/-/model/-/loan", "A B/high/-/model/-", "-/high/-/model/-/-/-"] {
            assert!(AccessClass::parse(bad).is_err(), "{bad}");
        }
    }
}
