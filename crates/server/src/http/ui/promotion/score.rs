//! Scores of the proposed version beside those of the one that it is compared with.

use super::bar::Bar;
use super::words::{clip, digits, number};
use crate::app::promotions::MetricView;

/// Most scores of a page; those with a limit come first.
pub(super) const MOST: usize = 30;

/// A score.
#[derive(Debug)]
pub(super) struct Score {
    /// Metric, and of which slice.
    pub(super) name: String,
    /// Which way is better.
    pub(super) hint: String,
    /// In the version that it is compared with.
    pub(super) old: Option<String>,
    /// In the proposed version.
    pub(super) new: Option<String>,
    /// The difference, with the word.
    pub(super) change: Option<String>,
    /// `better`, `worse` or nothing.
    pub(super) class: &'static str,
    /// The picture.
    pub(super) bar: Option<Bar>,
    /// The limits in words.
    pub(super) limit: String,
    /// `pass`, `fail`, or `na` without a limit or a value.
    pub(super) result: &'static str,
}

impl Score {
    /// The result in a word.
    pub(super) fn word(&self) -> &'static str {
        match self.result {
            "na" if self.new.is_none() => "not reported",
            "na" => "no threshold",
            other => other,
        }
    }

    /// What is worth a look: worse than production, and within its limit.
    pub(super) fn worth(&self) -> Option<String> {
        if self.class != "worse" || self.result == "fail" {
            return None;
        }
        let within = if self.result == "pass" { "within its limit" } else { "and no threshold is set" };
        Some(format!("{} went from {} to {}: worse, {within}", self.name, self.old.as_deref()?, self.new.as_deref()?))
    }
}

/// The scores, those with a limit first.
pub(super) fn scores(metrics: &[MetricView]) -> Vec<Score> {
    let mut all: Vec<&MetricView> = metrics.iter().collect();
    all.sort_by_key(|metric| (metric.minimum.or(metric.maximum).is_none(), metric.slice.is_some()));
    all.into_iter().take(MOST).map(score).collect()
}

fn score(metric: &MetricView) -> Score {
    let digits = digits(&[metric.minimum, metric.maximum], &[metric.value, metric.reference]);
    let shown = |value: Option<f64>| value.map(|value| number(value, digits));
    let difference = metric.difference.filter(|difference| *difference != 0.0);
    let class = match (difference, metric.higher_is_better) {
        (Some(difference), Some(higher)) if (difference > 0.0) == higher => "better",
        (Some(_), Some(_)) => "worse",
        (None, _) | (Some(_), None) => "",
    };
    let signed = |difference: f64| format!("{}{}", if difference > 0.0 { "+" } else { "" }, number(difference, digits));
    let change = match (metric.difference, difference) {
        (Some(_), None) => Some("no change".to_owned()),
        (_, Some(difference)) => Some(format!("{} {class}", signed(difference)).trim_end().to_owned()),
        (None, None) => None,
    };
    let passes = metric.value.map(|value| metric.minimum.is_none_or(|least| value >= least) && metric.maximum.is_none_or(|most| value <= most));
    let result = match (passes, metric.minimum.or(metric.maximum)) {
        (Some(true), Some(_)) => "pass",
        (Some(false), Some(_)) => "fail",
        (None, _) | (Some(_), None) => "na",
    };
    let limit = match (shown(metric.minimum), shown(metric.maximum)) {
        (Some(least), Some(most)) => format!("from {least} to {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => "none set".to_owned(),
    };
    let better = match metric.higher_is_better {
        Some(true) => "higher is better",
        Some(false) => "lower is better",
        None => "nobody said which way is better",
    };
    Score {
        name: metric.slice.as_deref().map_or_else(|| clip(&metric.name, 100), |slice| format!("{} of {}", clip(&metric.name, 100), clip(slice, 100))),
        hint: better.to_owned(),
        old: shown(metric.reference),
        new: shown(metric.value),
        change,
        class,
        bar: Bar::of(metric.value, metric.reference, metric.minimum, metric.maximum),
        limit,
        result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(value: f64, reference: f64, minimum: Option<f64>, higher: Option<bool>) -> MetricView {
        let (name, difference) = ("auc".to_owned(), Some(value - reference));
        MetricView { name, slice: None, value: Some(value), reference: Some(reference), difference, minimum, maximum: None, higher_is_better: higher }
    }

    #[test]
    fn a_fall_within_the_limit_passes_and_is_worth_a_look() {
        for (given, class, result, change, worth) in [
            (metric(0.86, 0.91, Some(0.8), Some(true)), "worse", "pass", "−0.05 worse", true),
            (metric(0.91, 0.86, Some(0.8), Some(true)), "better", "pass", "+0.05 better", false),
            (metric(0.75, 0.91, Some(0.8), Some(true)), "worse", "fail", "−0.16 worse", false),
            (metric(0.86, 0.86, Some(0.8), Some(true)), "", "pass", "no change", false),
            (metric(0.86, 0.91, None, Some(false)), "better", "na", "−0.05 better", false),
            (metric(0.86, 0.91, None, None), "", "na", "−0.05", false),
        ] {
            let score = score(&given);
            assert_eq!((score.class, score.result, score.change.as_deref(), score.worth().is_some()), (class, result, Some(change), worth), "{given:?}");
        }
    }
}
