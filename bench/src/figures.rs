//! The table of results.

use anyhow::{Result, bail};

/// Which side of the limit is good.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// The ratio to the baseline must be at least this.
    Share(f64),
    /// The value itself must be at least this.
    AtLeast(f64),
    /// The value itself must be at most this.
    AtMost(f64),
}

/// All figures of a run.
#[derive(Default)]
pub struct Figures {
    missed: Vec<String>,
    count: usize,
}

impl Figures {
    /// Prints a figure beside its baseline and its limit.
    pub fn add(&mut self, name: &str, value: f64, unit: &str, baseline: Option<(f64, &str)>, limit: Limit) {
        let ratio = baseline.map(|(base, _)| value / base);
        let (reached, wanted) = match limit {
            Limit::Share(share) => (ratio.unwrap_or(0.0) >= share, format!("at least {:.0} %", share * 100.0)),
            Limit::AtLeast(least) => (value >= least, format!("at least {least} {unit}")),
            Limit::AtMost(most) => (value <= most, format!("at most {most} {unit}")),
        };
        let beside = baseline.map(|(base, what)| format!("{base:.0} {unit} {what}, {:.0} %", ratio.unwrap_or(0.0) * 100.0)).unwrap_or_default();
        let verdict = if reached { "ok" } else { "MISSED" };
        if self.count == 0 {
            println!("{:<58} {:>16}  {:<48} {:<22}", "figure", "measured", "beside", "limit");
        }
        let shown = if value >= 100.0 { format!("{value:.0} {unit}") } else { format!("{value:.3} {unit}") };
        println!("{name:<58} {shown:>16}  {beside:<48} {wanted:<22} {verdict}");
        self.count += 1;
        if !reached {
            self.missed.push(name.to_owned());
        }
    }

    /// The end of the run: an error when a limit was missed.
    pub fn finish(self) -> Result<()> {
        if self.missed.is_empty() {
            println!("all {} limits are reached", self.count);
            return Ok(());
        }
        bail!("{} of {} limits missed: {}", self.missed.len(), self.count, self.missed.join("; "))
    }
}
