//! Base scores from CVSS vectors: version 3.0 and 3.1 (FIRST, CVSS v3.1 specification, section 7.1) and version 2.
//!
//! Version 4.0 is a table of several hundred rows; for it the score that the scanner gives counts.

use std::collections::BTreeMap;

/// The base score of a vector, 0.0 to 10.0; `None` for one that is incomplete, contradictory or of another version.
pub fn base_score(vector: &str) -> Option<f64> {
    if let Some(metrics) = vector.strip_prefix("CVSS:3.1/").or_else(|| vector.strip_prefix("CVSS:3.0/")) {
        return v3(&parse(metrics)?);
    }
    if vector.starts_with("CVSS:") {
        return None;
    }
    v2(&parse(vector.trim_start_matches('(').trim_end_matches(')'))?)
}

fn parse(metrics: &str) -> Option<BTreeMap<&str, &str>> {
    let mut all = BTreeMap::new();
    for metric in metrics.split('/').take(64) {
        let (name, value) = metric.split_once(':')?;
        if all.insert(name, value).is_some() {
            return None;
        }
    }
    Some(all)
}

fn weight(metrics: &BTreeMap<&str, &str>, name: &str, weights: &[(&str, f64)]) -> Option<f64> {
    let value = metrics.get(name)?;
    weights.iter().find(|(word, _)| word == value).map(|(_, weight)| *weight)
}

fn v3(metrics: &BTreeMap<&str, &str>) -> Option<f64> {
    let is_changed = match *metrics.get("S")? {
        "C" => true,
        "U" => false,
        _ => return None,
    };
    let impact_weights = [("H", 0.56), ("L", 0.22), ("N", 0.0)];
    let [c, i, a] = [weight(metrics, "C", &impact_weights)?, weight(metrics, "I", &impact_weights)?, weight(metrics, "A", &impact_weights)?];
    let privileges = if is_changed { [("N", 0.85), ("L", 0.68), ("H", 0.5)] } else { [("N", 0.85), ("L", 0.62), ("H", 0.27)] };
    let exploitability = 8.22
        * weight(metrics, "AV", &[("N", 0.85), ("A", 0.62), ("L", 0.55), ("P", 0.2)])?
        * weight(metrics, "AC", &[("L", 0.77), ("H", 0.44)])?
        * weight(metrics, "PR", &privileges)?
        * weight(metrics, "UI", &[("N", 0.85), ("R", 0.62)])?;
    let base = 1.0 - (1.0 - c) * (1.0 - i) * (1.0 - a);
    let impact = if is_changed { 7.52 * (base - 0.029) - 3.25 * (base - 0.02).powi(15) } else { 6.42 * base };
    if impact <= 0.0 {
        return Some(0.0);
    }
    let sum = impact + exploitability;
    Some(round_up(if is_changed { 1.08 * sum } else { sum }.min(10.0)))
}

/// To one decimal, upwards, as the specification does it with whole numbers.
fn round_up(score: f64) -> f64 {
    let scaled = (score * 100_000.0).round();
    if scaled % 10_000.0 == 0.0 { scaled / 100_000.0 } else { ((scaled / 10_000.0).floor() + 1.0) / 10.0 }
}

fn v2(metrics: &BTreeMap<&str, &str>) -> Option<f64> {
    let impact_weights = [("C", 0.66), ("P", 0.275), ("N", 0.0)];
    let [c, i, a] = [weight(metrics, "C", &impact_weights)?, weight(metrics, "I", &impact_weights)?, weight(metrics, "A", &impact_weights)?];
    let impact = 10.41 * (1.0 - (1.0 - c) * (1.0 - i) * (1.0 - a));
    let exploitability = 20.0
        * weight(metrics, "AV", &[("N", 1.0), ("A", 0.646), ("L", 0.395)])?
        * weight(metrics, "AC", &[("L", 0.71), ("M", 0.61), ("H", 0.35)])?
        * weight(metrics, "Au", &[("N", 0.704), ("S", 0.56), ("M", 0.45)])?;
    let factor = if impact == 0.0 { 0.0 } else { 1.176 };
    Some(((0.6 * impact + 0.4 * exploitability - 1.5) * factor * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores as the FIRST and NVD calculators give them.
    #[test]
    fn scores_are_those_of_the_specification() {
        for (vector, score) in [
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Some(9.8)),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", Some(10.0)),
            ("CVSS:3.0/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", Some(7.8)),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", Some(6.1)),
            ("CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:L", Some(3.7)),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", Some(0.0)),
            ("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N/E:P", Some(1.6)),
            ("AV:N/AC:L/Au:N/C:C/I:C/A:C", Some(10.0)),
            ("(AV:N/AC:M/Au:N/C:N/I:P/A:N)", Some(4.3)),
            ("AV:N/AC:L/Au:N/C:N/I:N/A:N", Some(0.0)),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", None),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H", None),
            ("CVSS:3.1/AV:N/AV:L/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", None),
            ("CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", None),
            ("", None),
            ("nonsense", None),
        ] {
            assert_eq!(base_score(vector), score, "{vector}");
        }
    }
}
