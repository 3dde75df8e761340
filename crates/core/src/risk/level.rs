//! How bad a risk is, and how likely: the level follows from both by one total table, which `docs/risks.md` prints.

crate::words! {
    /// How bad it is when it happens.
    Severity, "severity" {
        /// An inconvenience.
        Low = "low",
        /// Harm that is noticed and put right.
        Medium = "medium",
        /// Harm to people, money or standing.
        High = "high",
        /// Harm that cannot be put right.
        Critical = "critical",
    }
}

crate::words! {
    /// How likely it is that it happens.
    Likelihood, "likelihood" {
        /// Hardly ever.
        Rare = "rare",
        /// It can.
        Possible = "possible",
        /// It will, sooner or later.
        Likely = "likely",
        /// It does.
        Certain = "certain",
    }
}

crate::words! {
    /// What follows from severity and likelihood, in rising order.
    Level, "level" {
        /// Low.
        Low = "low",
        /// Medium.
        Medium = "medium",
        /// High: a second person decides when it stops being open.
        High = "high",
        /// Critical: the same, and no version is approved while it is open.
        Critical = "critical",
    }
}

/// The level of a risk: rows are severities, columns likelihoods.
pub fn level(severity: Severity, likelihood: Likelihood) -> Level {
    use {Likelihood as L, Severity as S};
    match (severity, likelihood) {
        (S::Low, L::Rare | L::Possible) | (S::Medium, L::Rare) => Level::Low,
        (S::Low, L::Likely | L::Certain) | (S::Medium, L::Possible | L::Likely) | (S::High, L::Rare) => Level::Medium,
        (S::Medium, L::Certain) | (S::High, L::Possible | L::Likely) | (S::Critical, L::Rare | L::Possible) => Level::High,
        (S::High, L::Certain) | (S::Critical, L::Likely | L::Certain) => Level::Critical,
    }
}

/// The table of [`level`] as Markdown, as the docs print it.
pub fn table() -> String {
    let words: Vec<&str> = Likelihood::ALL.iter().map(|likelihood| likelihood.as_str()).collect();
    let mut text = format!("| severity \\ likelihood | {} |\n|---|{}\n", words.join(" | "), "---|".repeat(words.len()));
    for severity in Severity::ALL {
        let cells: Vec<&str> = Likelihood::ALL.iter().map(|likelihood| level(*severity, *likelihood).as_str()).collect();
        text.push_str(&format!("| **{severity}** | {} |\n", cells.join(" | ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_never_falls_when_severity_or_likelihood_rise() {
        for pair in Severity::ALL.windows(2) {
            for likelihood in Likelihood::ALL {
                assert!(level(pair[0], *likelihood) <= level(pair[1], *likelihood), "{pair:?} {likelihood}");
            }
        }
        for pair in Likelihood::ALL.windows(2) {
            for severity in Severity::ALL {
                assert!(level(*severity, pair[0]) <= level(*severity, pair[1]), "{pair:?} {severity}");
            }
        }
        assert_eq!((level(Severity::Low, Likelihood::Rare), level(Severity::Critical, Likelihood::Certain)), (Level::Low, Level::Critical));
    }

    #[test]
    fn the_docs_print_this_table() {
        let docs = include_str!("../../../../docs/risks.md");
        assert!(docs.contains(&table()), "put this into docs/risks.md:\n{}", table());
    }
}
