//! What a search for models may be narrowed by beside MLflow's filter: what our own lists know, and MLflow does not.

use chancery_core::names::{Label, ModelKind, RiskTier, State};

use super::sql::Parameters;

chancery_core::words! {
    /// What a model has, for a list of those that have it.
    Has, "has" {
        /// An open finding.
        Finding = "finding",
        /// A version in production that passed a gate in warn mode although a rule failed.
        Ungated = "ungated",
        /// An open promotion.
        Promotion = "promotion",
        /// A lower risk tier that waits for a second person.
        TierProposal = "tier-proposal",
    }
}

/// How a search is narrowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Within {
    /// Words that are in the name, in any case.
    pub words: Vec<String>,
    /// How the name begins, in any case.
    pub prefix: Option<String>,
    /// Kind.
    pub kind: Option<ModelKind>,
    /// Risk tier.
    pub tier: Option<RiskTier>,
    /// A state that a version is in.
    pub state: Option<State>,
    /// Team that owns it.
    pub team: Option<Label>,
    /// What it has.
    pub has: Option<Has>,
}

impl Within {
    /// What must be true of `m`.
    pub(super) fn conditions(&self, parameters: &mut Parameters) -> Vec<String> {
        let mut all = Vec::new();
        let patterns = self.words.iter().map(|word| format!("%{}%", literal(word))).chain(self.prefix.iter().map(|prefix| format!("{}%", literal(prefix))));
        for pattern in patterns {
            all.push(format!("m.name_folded LIKE {} ESCAPE '\\'", parameters.put(pattern)));
        }
        if let Some(kind) = self.kind {
            all.push(format!("m.kind = {}", parameters.put(kind.as_str())));
        }
        if let Some(tier) = self.tier {
            all.push(format!("m.risk_tier = {}", parameters.put(tier.as_str())));
        }
        if let Some(state) = self.state {
            let state = parameters.put(state.as_str());
            all.push(format!("EXISTS (SELECT 1 FROM versions w WHERE w.model_id = m.model_id AND w.state = {state} AND w.hidden = 0)"));
        }
        if let Some(team) = &self.team {
            // The class begins with the team (`access::AccessClass`).
            let begin = parameters.put(format!("{team}/"));
            all.push(format!("substr(m.access_class, 1, length(CAST({begin} AS TEXT))) = {begin}"));
        }
        all.extend(self.has.map(|has| condition(has).to_owned()));
        all
    }
}

fn condition(has: Has) -> &'static str {
    match has {
        Has::Finding => "m.model_id IN (SELECT f.model_id FROM findings f WHERE f.status = 'open' AND f.model_id IS NOT NULL)",
        Has::Ungated => "EXISTS (SELECT 1 FROM versions w WHERE w.model_id = m.model_id AND w.state = 'production' AND w.hidden = 0 AND w.ungated = 1)",
        Has::Promotion => "m.model_id IN (SELECT o.model_id FROM open_promotions o)",
        Has::TierProposal => "m.model_id IN (SELECT t.model_id FROM tier_proposals t)",
    }
}

/// Text in lower case in which the wildcards of LIKE mean themselves.
fn literal(text: &str) -> String {
    text.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
