//! When which version was in production, as a picture: drawn here, without a script, with a title that says what it shows. The table
//! beside it has the same data.

use std::fmt::Write as _;

use chancery_core::names::Timestamp;

use super::super::filters::{Html, escaped};
use crate::app::models::Window;

/// Most bars; older times are in the table only.
const MAX_BARS: usize = 10;
/// Width of the picture, and where the bars begin.
const WIDTH: f64 = 740.0;
const LEFT: f64 = 96.0;
/// Height of a row and of a bar.
const ROW: f64 = 23.0;
/// Marks of the axis.
const MARKS: u32 = 5;
const DAY: f64 = 86_400_000_000.0;

/// The axis of time.
#[derive(Clone, Copy)]
struct Axis {
    from: f64,
    to: f64,
}

impl Axis {
    fn x(self, moment: f64) -> f64 {
        LEFT + (moment - self.from) / (self.to - self.from) * (WIDTH - LEFT - 4.0)
    }
}

/// The picture; none when no time is known.
pub(super) fn production(windows: &[Window], now: Timestamp) -> Option<Html> {
    let bars: Vec<(&Window, f64, f64)> = windows.iter().take(MAX_BARS).filter_map(|window| bar(window, now)).collect();
    let from = bars.iter().map(|(_, from, _)| *from).fold(f64::INFINITY, f64::min);
    let to = bars.iter().map(|(_, _, to)| *to).fold(f64::NEG_INFINITY, f64::max);
    if bars.is_empty() {
        return None;
    }
    // A second at least, so that there is an axis at all.
    let axis = Axis { from, to: to.max(from + 1_000_000.0) };
    let height = 20.0 + ROW * bars.len() as f64;
    let mut svg = format!(
        r#"<svg class="chart" viewBox="0 0 {WIDTH:.0} {height:.0}" role="img" aria-labelledby="windows-title"><title id="windows-title">{}</title>"#,
        escaped(&title(windows))
    );
    for mark in 0..MARKS {
        let moment = axis.from + (axis.to - axis.from) * f64::from(mark) / f64::from(MARKS);
        let x = axis.x(moment);
        // Writing to a string does not fail.
        let _ = write!(
            svg,
            r#"<path class="ax" d="M{x:.1} 14v{:.0}"/><text class="t" x="{:.1}" y="11">{}</text>"#,
            height - 16.0,
            x + 3.0,
            escaped(&label(moment, axis))
        );
    }
    for (row, (window, from, to)) in bars.iter().enumerate() {
        let y = 20.0 + ROW * row as f64;
        let (x, width) = (axis.x(*from), (axis.x(*to) - axis.x(*from)).max(2.0));
        let name: String = format!("{} ({})", window.number, window.semver).chars().take(14).collect();
        let _ = write!(
            svg,
            r#"<text class="tb" x="0" y="{:.1}">{}</text><rect class="f-prod" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="17"/>"#,
            y + 13.0,
            escaped(&name)
        );
        let lasted = duration(to - from);
        if width > 9.0 * lasted.len() as f64 {
            let _ = write!(svg, r#"<text class="ton" x="{:.1}" y="{:.1}">{lasted}</text>"#, x + 6.0, y + 12.5);
        }
    }
    svg.push_str("</svg>");
    Some(Html::made(svg))
}

fn bar(window: &Window, now: Timestamp) -> Option<(&Window, f64, f64)> {
    let from = window.from.1?.micros() as f64;
    let to = match window.to {
        Some((_, at)) => at?,
        None => now,
    };
    Some((window, from, (to.micros() as f64).max(from)))
}

/// The finding of the picture in words.
fn title(windows: &[Window]) -> String {
    let words: Vec<String> = windows
        .iter()
        .take(MAX_BARS)
        .map(|window| match window.to {
            None => format!("{} since {}", window.number, day(window.from.1)),
            Some((_, to)) => format!("{} from {} to {}", window.number, day(window.from.1), day(to)),
        })
        .collect();
    format!("Versions in production: {}. The table below has the same data.", words.join("; "))
}

fn day(moment: Option<Timestamp>) -> String {
    moment.map_or_else(|| "an unknown day".to_owned(), |moment| written(moment.micros() as f64, "%-d %b %Y"))
}

fn written(micros: f64, format: &str) -> String {
    jiff::Timestamp::from_microsecond(micros as i64).map(|moment| moment.strftime(format).to_string()).unwrap_or_default()
}

/// A mark of the axis, as fine as the axis is long.
fn label(moment: f64, axis: Axis) -> String {
    let days = (axis.to - axis.from) / DAY;
    let format = match days {
        days if days > 400.0 => "%b %Y",
        days if days > 5.0 => "%-d %b",
        days if days > 0.2 => "%-d %b %H:%M",
        _ => "%H:%M:%S",
    };
    written(moment, format)
}

fn duration(micros: f64) -> String {
    let seconds = micros / 1_000_000.0;
    match seconds {
        seconds if seconds >= 172_800.0 => format!("{:.0} days", seconds / 86_400.0),
        seconds if seconds >= 7_200.0 => format!("{:.0} hours", seconds / 3_600.0),
        seconds if seconds >= 120.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{seconds:.0} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(number: u64, semver: &str, from: i64, to: Option<i64>) -> Window {
        let at = |days: i64| Some(Timestamp::from_micros(days * 86_400_000_000));
        Window { number, semver: semver.to_owned(), from: (1, at(from)), to: to.map(|to| (2, at(to))) }
    }

    #[test]
    fn the_picture_says_in_words_what_it_shows_and_foreign_text_stays_text() {
        let windows = [window(2, "1.0.1-<b>", 10, None), window(1, "1.0.0", 0, Some(10))];
        let svg = production(&windows, Timestamp::from_micros(20 * 86_400_000_000)).unwrap().to_string();
        assert!(svg.contains("Versions in production: 2 since 11 Jan 1970; 1 from 1 Jan 1970 to 11 Jan 1970."), "{svg}");
        assert!(svg.contains("10 days") && !svg.contains("<b>"), "{svg}");
        assert_eq!(svg.matches("class=\"f-prod\"").count(), 2);
    }

    #[test]
    fn no_time_is_no_picture() {
        assert!(production(&[], Timestamp::from_micros(1)).is_none());
        let unknown = Window { from: (1, None), ..window(1, "1.0.0", 0, None) };
        assert!(production(&[unknown], Timestamp::from_micros(1)).is_none());
        let brief = production(&[window(1, "1.0.0", 0, None)], Timestamp::from_micros(0)).unwrap().to_string();
        assert!(brief.contains("f-prod") && !brief.contains("NaN"), "{brief}");
    }
}
