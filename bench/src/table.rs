//! The result: each figure beside its baseline and its limit.

use std::fmt;

/// What a figure must be.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// At least this share of the baseline of the same run.
    Share(f64),
    /// At least this much.
    AtLeast(f64),
    /// Less than this much.
    Below(f64),
}

#[derive(Debug)]
struct Line {
    figure: String,
    unit: &'static str,
    measured: f64,
    baseline: Option<f64>,
    limit: Limit,
}

impl Line {
    fn ratio(&self) -> Option<f64> {
        self.baseline.map(|baseline| self.measured / baseline)
    }

    fn is_reached(&self) -> bool {
        match self.limit {
            Limit::Share(share) => self.ratio().is_some_and(|ratio| ratio >= share),
            Limit::AtLeast(least) => self.measured >= least,
            Limit::Below(most) => self.measured < most,
        }
    }
}

/// All figures of a run.
#[derive(Debug, Default)]
pub struct Table {
    lines: Vec<Line>,
}

impl Table {
    /// Adds a share of a baseline: `pairs` of measured and baseline, one for each round; the round of the median ratio counts.
    pub fn share(&mut self, figure: &str, unit: &'static str, pairs: &[(f64, f64)], share: f64) {
        let mut pairs = pairs.to_vec();
        pairs.sort_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
        let (measured, baseline) = pairs.get(pairs.len() / 2).copied().unwrap_or((0.0, 1.0));
        self.add(Line { figure: figure.to_owned(), unit, measured, baseline: Some(baseline), limit: Limit::Share(share) });
    }

    /// Adds a figure of its own; the median of the rounds counts.
    pub fn figure(&mut self, figure: &str, unit: &'static str, rounds: &[f64], limit: Limit) {
        self.add(Line { figure: figure.to_owned(), unit, measured: median(rounds), baseline: None, limit });
    }

    fn add(&mut self, line: Line) {
        // At once, so that a long run shows how it goes.
        eprintln!("{}", row(&line));
        self.lines.push(line);
    }

    /// Whether every limit is reached.
    pub fn is_reached(&self) -> bool {
        self.lines.iter().all(Line::is_reached)
    }
}

/// The middle value; 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn number(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// A share in per cent, a multiple as times.
fn ratio_text(ratio: f64) -> String {
    if ratio >= 10.0 { format!("{ratio:.0} x") } else { format!("{:.0} %", ratio * 100.0) }
}

fn row(line: &Line) -> String {
    let limit = match line.limit {
        Limit::Share(share) => format!(">= {}", ratio_text(share)),
        Limit::AtLeast(least) => format!(">= {}", number(least)),
        Limit::Below(most) => format!("< {}", number(most)),
    };
    let baseline = line.baseline.map(number).unwrap_or_default();
    let ratio = line.ratio().map(ratio_text).unwrap_or_default();
    let verdict = if line.is_reached() { "ok" } else { "MISSED" };
    format!("{:<58} {:>9} {:>9} {:<10} {ratio:>6} {limit:>10} {verdict:>7}", line.figure, number(line.measured), baseline, line.unit)
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{:<58} {:>9} {:>9} {:<10} {:>6} {:>10} {:>7}", "figure", "measured", "baseline", "unit", "ratio", "limit", "")?;
        for line in &self.lines {
            writeln!(formatter, "{}", row(line))?;
        }
        Ok(())
    }
}
