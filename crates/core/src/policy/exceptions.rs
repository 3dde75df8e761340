//! Who may waive a rule, and for how long: data of the bundle (POL-4).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::bundle::Bundle;
use super::error::PolicyError;
use crate::names::Label;

/// Longest lifetime of an exception when the bundle names none, in days.
const DEFAULT_DAYS: u32 = 90;
/// Longest lifetime that a bundle may allow, in days.
const MAX_DAYS: u32 = 365;
/// Grantor when the bundle names none.
const DEFAULT_GRANTOR: &str = "ai-governance";
/// Most rules with grantors of their own.
const MAX_RULES: usize = 1_000;

/// Roles that grant exceptions, and the longest lifetime of one: `chancery.exceptions` of the bundle's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionRules {
    longest_days: u32,
    default: Vec<Label>,
    rules: BTreeMap<String, Vec<Label>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    longest_days: Option<u32>,
    grantors: Option<Grantors>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Grantors {
    default: Option<Vec<Label>>,
    #[serde(default)]
    rules: BTreeMap<String, Vec<Label>>,
}

impl ExceptionRules {
    /// Reads them from the data of a bundle.
    ///
    /// # Errors
    /// [`PolicyError::Bundle`] for data of another shape, or a lifetime that is not from 1 to 365 days.
    pub(super) fn of(bundle: &Bundle) -> Result<Self, PolicyError> {
        let bad = |message: String| PolicyError::Bundle(format!("data.json: chancery.exceptions {message}"));
        let data: serde_json::Value = serde_json::from_str(bundle.data()?).map_err(|error| PolicyError::Bundle(format!("data.json: {error}")))?;
        let written = match data.pointer("/chancery/exceptions") {
            None => Written { longest_days: None, grantors: None },
            Some(given) => Written::deserialize(given).map_err(|error| bad(error.to_string()))?,
        };
        let longest_days = written.longest_days.unwrap_or(DEFAULT_DAYS);
        if !(1..=MAX_DAYS).contains(&longest_days) {
            return Err(bad(format!("longest_days must be from 1 to {MAX_DAYS}")));
        }
        let (default, rules) = written.grantors.map_or((None, BTreeMap::new()), |grantors| (grantors.default, grantors.rules));
        if rules.len() > MAX_RULES {
            return Err(bad(format!("grantors.rules names {} rules; at most {MAX_RULES} are accepted", rules.len())));
        }
        let default = match default {
            Some(roles) => roles,
            None => vec![Label::parse(DEFAULT_GRANTOR).map_err(|refusal| bad(refusal.message))?],
        };
        Ok(Self { longest_days, default, rules })
    }

    /// The approval roles of which one grants an exception from `rule`; empty when nobody does.
    pub fn grantors(&self, rule: &str) -> &[Label] {
        self.rules.get(rule).unwrap_or(&self.default)
    }

    /// Longest lifetime of an exception that somebody asks for, in days.
    pub fn longest_days(&self) -> u32 {
        self.longest_days
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: &str) -> Result<ExceptionRules, PolicyError> {
        ExceptionRules::of(&Bundle { files: BTreeMap::from([("data.json".to_owned(), data.as_bytes().to_vec())]) })
    }

    #[test]
    fn a_rule_has_its_own_grantors_or_the_default_ones() {
        let rules =
            read(r#"{"chancery": {"exceptions": {"longest_days": 30, "grantors": {"default": ["product"], "rules": {"a.b": ["security"], "c.d": []}}}}}"#)
                .unwrap();
        let words = |rule: &str| rules.grantors(rule).iter().map(Label::to_string).collect::<Vec<_>>();
        assert_eq!((rules.longest_days(), words("a.b"), words("x.y"), words("c.d")), (30, vec!["security".to_owned()], vec!["product".to_owned()], vec![]));
        let silent = read("{}").unwrap();
        assert_eq!((silent.longest_days(), silent.grantors("a.b")), (90, &[Label::parse("ai-governance").unwrap()][..]));
    }

    #[test]
    fn what_is_out_of_bounds_or_unknown_is_refused() {
        for data in [r#"{"longest_days": 0}"#, r#"{"longest_days": 366}"#, r#"{"longest": 3}"#, r#"{"grantors": {"default": ["A B"]}}"#, r#"{"grantors": []}"#]
        {
            assert!(read(&format!(r#"{{"chancery": {{"exceptions": {data}}}}}"#)).is_err(), "{data}");
        }
    }

    #[test]
    fn the_baseline_names_grantors_and_waives_for_at_most_ninety_days() {
        let rules = ExceptionRules::of(&Bundle::baseline()).unwrap();
        assert_eq!(rules.longest_days(), 90);
        assert_eq!(rules.grantors("vulnerability.no-critical"), [Label::parse("security").unwrap()]);
        assert_eq!(rules.grantors("card.sections"), [Label::parse("ai-governance").unwrap()]);
    }
}
