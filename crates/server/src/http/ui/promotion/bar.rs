//! A metric on a line: where production is, where the proposed version is, and which side of the limit is refused. Twin of the cells beside it.

/// Left and right end of the line.
const LEFT: f64 = 4.0;
const RIGHT: f64 = 148.0;

/// A part of the line.
#[derive(Debug, PartialEq)]
pub(super) struct Part {
    /// `ok` or `no`.
    pub(super) class: &'static str,
    /// Where it begins.
    pub(super) x: String,
    /// How long it is.
    pub(super) width: String,
}

/// A bar, in the units of its picture.
#[derive(Debug, PartialEq)]
pub(super) struct Bar {
    /// The accepted and refused parts.
    pub(super) parts: Vec<Part>,
    /// The limits.
    pub(super) limits: Vec<String>,
    /// Production.
    pub(super) previous: Option<String>,
    /// The proposed version.
    pub(super) current: Option<String>,
}

impl Bar {
    /// The bar of a metric; none without a limit, or without a value.
    pub(super) fn of(value: Option<f64>, reference: Option<f64>, minimum: Option<f64>, maximum: Option<f64>) -> Option<Self> {
        let known: Vec<f64> = [value, reference, minimum, maximum].into_iter().flatten().filter(|number| number.is_finite()).collect();
        if value.or(reference).is_none() || minimum.or(maximum).is_none() {
            return None;
        }
        let least = known.iter().copied().reduce(f64::min)?;
        let most = known.iter().copied().reduce(f64::max)?;
        let room = if most > least { (most - least) * 0.25 } else { least.abs().max(1.0) * 0.1 };
        let (from, to) = (least - room, most + room);
        let place = |number: f64| ((number - from) / (to - from)).clamp(0.0, 1.0) * (RIGHT - LEFT) + LEFT;
        let shown = |x: f64| format!("{x:.1}");
        let (low, high) = (minimum.map_or(LEFT, place), maximum.map_or(RIGHT, place));
        let part = |class, from: f64, to: f64| (to > from).then(|| Part { class, x: shown(from), width: shown(to - from) });
        Some(Self {
            parts: [part("no", LEFT, low), part("ok", low, high), part("no", high.max(low), RIGHT)].into_iter().flatten().collect(),
            limits: [minimum, maximum].into_iter().flatten().map(|limit| shown(place(limit))).collect(),
            previous: reference.map(|number| shown(place(number))),
            current: value.map(|number| shown(place(number))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refused_side_is_below_a_minimum_and_above_a_maximum() {
        let bar = Bar::of(Some(0.9), Some(0.8), Some(0.85), None).unwrap();
        assert_eq!(bar.parts.iter().map(|part| part.class).collect::<Vec<_>>(), ["no", "ok"]);
        let at = |text: &str| text.parse::<f64>().unwrap();
        let (current, previous) = (at(&bar.current.unwrap()), at(&bar.previous.unwrap()));
        assert!(previous < at(&bar.limits[0]) && at(&bar.limits[0]) < current);
        let bar = Bar::of(Some(30.0), None, Some(10.0), Some(40.0)).unwrap();
        assert_eq!(bar.parts.iter().map(|part| part.class).collect::<Vec<_>>(), ["no", "ok", "no"]);
    }

    #[test]
    fn without_a_limit_there_is_nothing_to_draw_and_equal_values_have_room() {
        assert_eq!(Bar::of(Some(1.0), Some(2.0), None, None), None);
        assert_eq!(Bar::of(None, None, Some(1.0), None), None);
        let bar = Bar::of(Some(0.0), Some(0.0), Some(0.0), None).unwrap();
        assert_eq!(bar.limits, ["76.0"]);
    }
}
