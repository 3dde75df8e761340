//! The risk score of an entry (ENT-16): points for what is declared about it, added up, shown with every factor.
//!
//! INVARIANT: the most points of all factors together are 100. What nobody declared counts half of the most, so that silence
//! never looks better than an honest answer in the middle. `docs/risks.md` prints the table.

use crate::model::document::{Criticality, Materiality};
use crate::model::{Audience, Autonomy, Profile};
use crate::names::{Classification, RiskTier};
use crate::policy::{RiskFactor, RiskScore};
use crate::risk::Level;

/// A factor: its name, the most points, and what each declared word is worth.
struct Factor {
    name: &'static str,
    most: u64,
    words: &'static [(&'static str, u64)],
}

const TIER: Factor = Factor { name: "risk_tier", most: 30, words: &[("minimal", 0), ("limited", 12), ("high", 25), ("unclassified", 25), ("prohibited", 30)] };
const CLASSIFICATION: Factor = Factor { name: "classification", most: 10, words: &[("public", 0), ("internal", 3), ("confidential", 7), ("restricted", 10)] };
const PERSONAL_DATA: Factor = Factor { name: "personal_data", most: 10, words: &[("false", 0), ("true", 10)] };
const CRITICALITY: Factor = Factor { name: "criticality", most: 15, words: &[("low", 0), ("medium", 5), ("high", 10), ("mission-critical", 15)] };
const MATERIALITY: Factor = Factor { name: "materiality", most: 10, words: &[("low", 0), ("medium", 5), ("high", 10)] };
/// A free word of the organisation: these are understood, any other counts half of the most.
const SECURITY_RATING: Factor = Factor {
    name: "security_rating",
    most: 10,
    words: &[("low", 0), ("a", 0), ("b", 3), ("medium", 5), ("c", 5), ("high", 8), ("d", 8), ("critical", 10), ("e", 10)],
};
const AUDIENCE: Factor = Factor { name: "audience", most: 7, words: &[("internal", 0), ("partners", 4), ("public", 7)] };
const AUTONOMY: Factor = Factor { name: "autonomy", most: 8, words: &[("assists", 0), ("reviewed", 4), ("decides", 8)] };

const FACTORS: [&Factor; 8] = [&TIER, &CLASSIFICATION, &PERSONAL_DATA, &CRITICALITY, &MATERIALITY, &SECURITY_RATING, &AUDIENCE, &AUTONOMY];

impl Factor {
    /// The factor with the points of a declared word; without one, or with an unknown one, half of the most.
    fn rate(&self, declared: Option<&str>) -> RiskFactor {
        let value = declared.unwrap_or_default().trim();
        let known = self.words.iter().find(|(word, _)| value.eq_ignore_ascii_case(word)).map(|(_, points)| *points);
        RiskFactor { factor: self.name.to_owned(), value: value.to_owned(), points: known.unwrap_or(self.most.div_ceil(2)) }
    }
}

/// The score of an entry with this tier and profile: 0 to 100, its level, and what each factor adds.
pub fn risk_score(tier: RiskTier, profile: &Profile) -> RiskScore {
    let control = &profile.document_control;
    let personal = profile.personal_data.map(|personal| if personal { "true" } else { "false" });
    let declared: [Option<&str>; 8] = [
        Some(tier.as_str()),
        profile.classification.map(Classification::as_str),
        personal,
        control.criticality.map(Criticality::as_str),
        control.materiality.map(Materiality::as_str),
        profile.risk.security_rating.as_deref(),
        profile.risk.audience.map(Audience::as_str),
        profile.risk.autonomy.map(Autonomy::as_str),
    ];
    let factors: Vec<RiskFactor> = FACTORS.iter().zip(declared).map(|(factor, declared)| factor.rate(declared)).collect();
    let score = factors.iter().map(|factor| factor.points).sum();
    let level = match score {
        0..25 => Level::Low,
        25..50 => Level::Medium,
        50..75 => Level::High,
        75.. => Level::Critical,
    };
    RiskScore { score, level: level.to_string(), factors }
}

/// The table of factors as Markdown, as the docs print it.
pub fn table() -> String {
    let mut text = String::from("| factor | most | not declared | declared |\n|---|---|---|---|\n");
    for factor in FACTORS {
        let words: Vec<String> = factor.words.iter().map(|(word, points)| format!("{word} {points}")).collect();
        text.push_str(&format!("| `{}` | {} | {} | {} |\n", factor.name, factor.most, factor.most.div_ceil(2), words.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RiskStatement;
    use crate::model::document::DocumentControl;

    #[test]
    fn the_most_of_all_factors_is_a_hundred_and_every_word_is_known() {
        assert_eq!(FACTORS.iter().map(|factor| factor.most).sum::<u64>(), 100);
        let all: [(&Factor, Vec<&str>); 6] = [
            (&TIER, RiskTier::ALL.iter().map(|word| word.as_str()).collect()),
            (&CLASSIFICATION, Classification::ALL.iter().map(|word| word.as_str()).collect()),
            (&CRITICALITY, Criticality::ALL.iter().map(|word| word.as_str()).collect()),
            (&MATERIALITY, Materiality::ALL.iter().map(|word| word.as_str()).collect()),
            (&AUDIENCE, Audience::ALL.iter().map(|word| word.as_str()).collect()),
            (&AUTONOMY, Autonomy::ALL.iter().map(|word| word.as_str()).collect()),
        ];
        for (factor, words) in all {
            for word in words {
                assert!(factor.words.iter().any(|(known, points)| *known == word && *points <= factor.most), "{}: {word}", factor.name);
            }
        }
    }

    #[test]
    fn what_is_declared_gives_the_score() {
        let silent = risk_score(RiskTier::Minimal, &Profile::default());
        assert_eq!((silent.score, silent.level.as_str()), (5 + 5 + 8 + 5 + 5 + 4 + 4, "medium"));
        let worst = Profile {
            classification: Some(Classification::Restricted),
            personal_data: Some(true),
            risk: RiskStatement {
                security_rating: Some("Critical".to_owned()),
                audience: Some(Audience::Public),
                autonomy: Some(Autonomy::Decides),
                ..RiskStatement::default()
            },
            document_control: DocumentControl {
                criticality: Some(Criticality::MissionCritical),
                materiality: Some(Materiality::High),
                ..DocumentControl::default()
            },
            ..Profile::default()
        };
        let score = risk_score(RiskTier::Prohibited, &worst);
        assert_eq!((score.score, score.level.as_str(), score.factors.len()), (100, "critical", 8));
        assert_eq!(risk_score(RiskTier::High, &worst).score, 95);
        let best = Profile {
            classification: Some(Classification::Public),
            personal_data: Some(false),
            risk: RiskStatement {
                security_rating: Some("A".to_owned()),
                audience: Some(Audience::Internal),
                autonomy: Some(Autonomy::Assists),
                ..RiskStatement::default()
            },
            document_control: DocumentControl { criticality: Some(Criticality::Low), materiality: Some(Materiality::Low), ..DocumentControl::default() },
            ..Profile::default()
        };
        let score = risk_score(RiskTier::Minimal, &best);
        assert_eq!((score.score, score.level.as_str()), (0, "low"));
        assert_eq!(score.factors[5], RiskFactor { factor: "security_rating".to_owned(), value: "A".to_owned(), points: 0 });
    }

    #[test]
    fn the_docs_print_this_table() {
        let docs = include_str!("../../../../docs/risks.md");
        assert!(docs.contains(&table()), "put this into docs/risks.md:\n{}", table());
    }
}
