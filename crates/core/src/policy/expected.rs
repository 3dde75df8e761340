//! What the data of a bundle asks for, in figures that people are shown: how many people a role needs, and the limits of metrics.
//!
//! Rules decide on the same data themselves; what is read here explains, and decides nothing.

use serde_json::Value;

use super::input::Input;
use crate::names::{RiskTier, State};

/// The data of a bundle, for look-ups.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    chancery: Value,
}

/// The limits of a metric.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MetricLimits {
    /// Smallest value that passes.
    pub minimum: Option<f64>,
    /// Largest value that passes.
    pub maximum: Option<f64>,
    /// Whether a higher value is better; `None` when the data does not say.
    pub higher_is_better: Option<bool>,
}

impl Expected {
    /// From the whole data document of a bundle.
    pub fn of(data: &Value) -> Self {
        Self { chancery: data.get("chancery").cloned().unwrap_or_default() }
    }

    /// How many people must approve in a role, for the tier and target of `input`: at least 1.
    pub fn people(&self, input: &Input, role: &str) -> u64 {
        let tier = input.effective_tier();
        let entries = self.chancery.pointer(&format!("/approval_complete/required/{tier}/{}", input.target)).and_then(Value::as_array);
        let of_role = |entry: &&Value| entry.get("role").and_then(Value::as_str) == Some(role);
        let found = entries.and_then(|entries| entries.iter().find(of_role)).and_then(|entry| entry.get("count")?.as_u64());
        found.unwrap_or(1).max(1)
    }

    /// The roles of approval that a target needs in a tier, which is the one that rules go by, each with how many people.
    pub fn roles(&self, tier: RiskTier, target: State) -> Vec<(String, u64)> {
        let entries = self.chancery.pointer(&format!("/approval_complete/required/{tier}/{target}")).and_then(Value::as_array);
        let role = |entry: &Value| {
            let name = entry.as_str().or_else(|| entry.get("role")?.as_str())?;
            Some((name.to_owned(), entry.get("count").and_then(Value::as_u64).unwrap_or(1).max(1)))
        };
        entries.into_iter().flatten().filter_map(role).collect()
    }

    /// The limits of a metric for the kind and tier of `input`; of several entries the strictest.
    pub fn metric(&self, input: &Input, name: &str) -> MetricLimits {
        let entries = self.chancery.pointer("/metric_threshold/required").and_then(Value::as_array).into_iter().flatten();
        let tier = input.effective_tier().to_string();
        let lists = |entry: &Value, member: &str, word: &str| {
            entry.get(member).and_then(Value::as_array).is_none_or(|words| words.iter().any(|known| known.as_str() == Some(word)))
        };
        let applies = |entry: &&Value| {
            entry.get("metric").and_then(Value::as_str) == Some(name) && lists(entry, "kinds", input.model.kind.as_str()) && lists(entry, "tiers", &tier)
        };
        let mut limits = MetricLimits { higher_is_better: self.higher_is_better(name), ..MetricLimits::default() };
        for entry in entries.filter(applies) {
            let number = |member: &str| entry.get(member).and_then(Value::as_f64);
            limits.minimum = strictest(limits.minimum, number("minimum"), f64::max);
            limits.maximum = strictest(limits.maximum, number("maximum"), f64::min);
        }
        limits
    }

    fn higher_is_better(&self, name: &str) -> Option<bool> {
        let better = self.chancery.get("metric_no_regression")?.get("guarded")?.get(name)?.get("better")?.as_str()?;
        Some(better == "higher")
    }
}

fn strictest(known: Option<f64>, given: Option<f64>, stricter: impl Fn(f64, f64) -> f64) -> Option<f64> {
    match (known, given) {
        (Some(known), Some(given)) => Some(stricter(known, given)),
        (known, given) => known.or(given),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::sample;

    #[test]
    fn a_role_may_need_several_people() {
        let data = json!({"chancery": {"approval_complete": {"required": {"high": {"production": ["product", {"role": "security", "count": 2}]}}}}});
        let expected = Expected::of(&data);
        let mut input = sample::input();
        input.model.risk.tier = RiskTier::High;
        for (role, people) in [("product", 1), ("security", 2), ("platform", 1)] {
            assert_eq!(expected.people(&input, role), people, "{role}");
        }
        assert_eq!(Expected::default().people(&input, "security"), 1);
        assert_eq!(expected.roles(RiskTier::High, State::Production), [("product".to_owned(), 1), ("security".to_owned(), 2)]);
        assert!(expected.roles(RiskTier::Minimal, State::Production).is_empty());
    }

    #[test]
    fn the_strictest_limit_of_a_metric_is_shown() {
        let required = json!([
            {"metric": "auc", "minimum": 0.6, "tiers": ["high", "limited"]},
            {"metric": "auc", "minimum": 0.7, "maximum": 0.99, "kinds": ["model"], "tiers": ["high"]},
            {"metric": "auc", "minimum": 0.9, "kinds": ["prompt"]},
        ]);
        let guarded = json!({"auc": {"better": "higher"}, "loss": {"better": "lower"}});
        let expected = Expected::of(&json!({"chancery": {"metric_threshold": {"required": required}, "metric_no_regression": {"guarded": guarded}}}));
        let mut input = sample::input();
        input.model.risk.tier = RiskTier::High;
        let limits = MetricLimits { minimum: Some(0.7), maximum: Some(0.99), higher_is_better: Some(true) };
        assert_eq!(expected.metric(&input, "auc"), limits);
        assert_eq!(expected.metric(&input, "loss"), MetricLimits { higher_is_better: Some(false), ..MetricLimits::default() });
        assert_eq!(expected.metric(&input, "other"), MetricLimits::default());
    }
}
