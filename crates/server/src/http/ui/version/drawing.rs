//! A lineage as a drawing: boxes in layers from left (what a version is made of) to right (what was made of it), and the same as a list.
//!
//! INVARIANT: every box of the drawing has its words in the list beside it; the drawing shows at most [`MOST`] boxes, the list
//! [`LISTED`] lines.

use chancery_core::wording::counted;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::subject::path_of;
use super::words::cut;
use crate::app::lineage::{EdgeView, LineageView, NodeView};

/// Most boxes.
pub(super) const MOST: usize = 60;
/// Most lines of the list.
pub(super) const LISTED: usize = 200;
/// Size of a box, and of what is between boxes.
const WIDTH: i64 = 168;
const HEIGHT: i64 = 40;
const GAP: i64 = 52;
const STEP: i64 = 12;

/// A box.
pub(super) struct Cell {
    pub(super) x: i64,
    pub(super) y: i64,
    /// What kind of thing it is, and its name as far as it fits.
    pub(super) kind: String,
    pub(super) name: String,
    /// The whole name, for those who hear the drawing.
    pub(super) label: String,
    /// Its page, when it has one.
    pub(super) path: Option<String>,
    /// Whether it is the version that was asked about.
    pub(super) me: bool,
}

/// A drawing.
pub(super) struct Drawing {
    pub(super) width: i64,
    pub(super) height: i64,
    pub(super) cells: Vec<Cell>,
    /// Lines between boxes, as paths.
    pub(super) edges: Vec<String>,
    /// What it shows, in a sentence.
    pub(super) title: String,
    /// The same as a list: in it, out of it.
    pub(super) list: Vec<Entry>,
    /// How many things the list leaves out.
    pub(super) unlisted: usize,
}

/// A line of the list.
pub(super) struct Entry {
    /// How far from the version, beginning with 1.
    pub(super) depth: u64,
    /// Whether it comes from the version; otherwise the version comes from it.
    pub(super) out: bool,
    /// How it is related to what stands above it.
    pub(super) relation: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) path: Option<String>,
    pub(super) state: Option<String>,
    pub(super) grade: String,
}

/// How a node was found: its layer, left of the version below 0, and the edge by which.
struct Found<'a> {
    layer: i64,
    edge: Option<&'a EdgeView>,
}

/// Walks from the version both ways; the order is that of finding.
fn layers<'a>(view: &'a LineageView) -> (HashMap<&'a str, Found<'a>>, Vec<&'a str>) {
    let mut up: BTreeMap<&str, Vec<&EdgeView>> = BTreeMap::new();
    let mut down: BTreeMap<&str, Vec<&EdgeView>> = BTreeMap::new();
    for edge in &view.edges {
        up.entry(&edge.from).or_default().push(edge);
        down.entry(&edge.to).or_default().push(edge);
    }
    let start = view.subject.as_str();
    let mut found = HashMap::from([(start, Found { layer: 0, edge: None })]);
    let mut order = vec![start];
    for (edges, way) in [(&up, -1), (&down, 1)] {
        let mut queue = VecDeque::from([(start, 0)]);
        while let Some((node, layer)) = queue.pop_front() {
            for edge in edges.get(node).into_iter().flatten().copied() {
                let next = if way < 0 { edge.to.as_str() } else { edge.from.as_str() };
                if found.contains_key(next) {
                    continue;
                }
                found.insert(next, Found { layer: layer + way, edge: Some(edge) });
                order.push(next);
                queue.push_back((next, layer + way));
            }
        }
    }
    (found, order)
}

/// What a node is, what it is called, and where its page is.
fn words(node: &NodeView) -> (String, String, Option<String>) {
    if node.readable == Some(false) {
        return ("version".to_owned(), "not readable by you".to_owned(), None);
    }
    match (node.kind, node.number) {
        ("version", Some(number)) => {
            let kind = node.model_kind.clone().filter(|kind| kind != "model").unwrap_or_else(|| "version".to_owned());
            (kind, format!("{}/{number}", node.name), Some(path_of(&node.name, number)))
        }
        ("commit", _) => ("code".to_owned(), format!("commit {}", cut(&node.name, 12)), None),
        ("environment", _) => ("environment".to_owned(), counted(node.packages.unwrap_or(0), "package", "packages"), None),
        ("external", _) => ("outside of this registry".to_owned(), cut(&node.name, 100), None),
        (kind, _) => (kind.to_owned(), cut(&node.name, 100), None),
    }
}

/// Draws a lineage.
pub(super) fn draw(view: &LineageView) -> Drawing {
    let nodes: HashMap<&str, &NodeView> = view.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let (found, order) = layers(view);
    let shown: Vec<&str> = order.iter().copied().filter(|id| nodes.contains_key(id)).collect();
    let (cells, places, more) = place(&shown, &nodes, &found);
    let edges = view.edges.iter().filter_map(|edge| line(places.get(edge.to.as_str())?, places.get(edge.from.as_str())?)).collect();
    let bottom = cells.iter().map(|cell| cell.y + HEIGHT).max().unwrap_or(HEIGHT);
    let right = cells.iter().map(|cell| cell.x + WIDTH).max().unwrap_or(WIDTH);
    let list: Vec<Entry> = shown.iter().filter_map(|id| entry(id, &nodes, &found)).collect();
    let unlisted = list.len().saturating_sub(LISTED);
    Drawing { width: right + 2, height: bottom + 2, cells, edges, title: title(&list, more), list: list.into_iter().take(LISTED).collect(), unlisted }
}

/// Places the nearest boxes layer by layer.
fn place<'a>(shown: &[&'a str], nodes: &HashMap<&str, &NodeView>, found: &HashMap<&str, Found<'_>>) -> (Vec<Cell>, HashMap<&'a str, (i64, i64)>, usize) {
    let layer = |id: &str| found.get(id).map_or(0, |found| found.layer);
    let mut nearest: Vec<&'a str> = shown.to_vec();
    nearest.sort_by_key(|id| layer(id).abs());
    let more = nearest.len().saturating_sub(MOST);
    nearest.truncate(MOST);
    let first = nearest.iter().map(|id| layer(id)).min().unwrap_or(0);
    let mut columns: BTreeMap<i64, Vec<&'a str>> = BTreeMap::new();
    for id in nearest {
        columns.entry(layer(id)).or_default().push(id);
    }
    let tallest = columns.values().map(Vec::len).max().unwrap_or(1);
    let mut cells = Vec::new();
    let mut places = HashMap::new();
    for (layer, ids) in columns {
        let x = 1 + (layer - first) * (WIDTH + GAP);
        // Shorter columns stand in the middle.
        let from = pixels(tallest - ids.len()) / 2;
        for (position, id) in ids.into_iter().enumerate() {
            let y = 1 + from + pixels(position);
            let Some(node) = nodes.get(id) else { continue };
            let (kind, name, path) = words(node);
            places.insert(id, (x, y));
            cells.push(Cell { x, y, label: format!("{kind} {name}"), kind: cut(&kind, 24), name: cut(&name, 22), path, me: layer == 0 });
        }
    }
    (cells, places, more)
}

fn pixels(boxes: usize) -> i64 {
    i64::try_from(boxes).unwrap_or(0) * (HEIGHT + STEP)
}

/// A line from the right side of a box to the left side of the one that comes from it, with a head.
fn line(from: &(i64, i64), to: &(i64, i64)) -> Option<String> {
    let (x, y, ends) = (from.0 + WIDTH, from.1 + HEIGHT / 2, to.1 + HEIGHT / 2);
    if to.0 <= from.0 {
        return None;
    }
    let middle = to.0 - GAP / 2;
    Some(format!("M{x} {y}H{middle}V{ends}H{}m-6 -4l6 4l-6 4", to.0))
}

fn entry(id: &str, nodes: &HashMap<&str, &NodeView>, found: &HashMap<&str, Found<'_>>) -> Option<Entry> {
    let (node, found) = (nodes.get(id)?, found.get(id)?);
    let edge = found.edge?;
    let (kind, name, path) = words(node);
    let detail = if edge.detail.is_empty() || edge.relation == "code" { String::new() } else { format!(", {}", cut(&edge.detail, 60)) };
    Some(Entry {
        depth: found.layer.unsigned_abs(),
        out: found.layer > 0,
        relation: format!("{}{detail}", edge.relation.replace('-', " ")),
        kind,
        name,
        path,
        state: node.state.clone(),
        grade: edge.grade.clone(),
    })
}

/// What the drawing shows, in one sentence.
fn title(list: &[Entry], more: usize) -> String {
    let names = |out: bool| -> BTreeSet<String> {
        list.iter().filter(|entry| entry.out == out && entry.depth == 1).map(|entry| format!("{} {}", entry.kind, entry.name)).collect()
    };
    let told = |names: BTreeSet<String>| super::words::listed(names.into_iter());
    let (from, out) = (told(names(false)), told(names(true)));
    let rest = if more > 0 { format!(" {more} more are in the list alone.") } else { String::new() };
    format!("Lineage: this version comes from {from}; from it come {out}.{rest} The list below says the same.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str) -> NodeView {
        NodeView::named(id, "dataset", id)
    }

    fn view(edges: &[(&str, &str)]) -> LineageView {
        let ids: BTreeSet<&str> = edges.iter().flat_map(|(from, to)| [*from, *to]).collect();
        let edge = |(from, to): &(&str, &str)| EdgeView {
            from: (*from).to_owned(),
            to: (*to).to_owned(),
            relation: "dataset".to_owned(),
            detail: String::new(),
            grade: "claimed".to_owned(),
            source: String::new(),
        };
        LineageView {
            subject: "me".to_owned(),
            direction: "both",
            depth: 5,
            nodes: ids.into_iter().map(node).collect(),
            edges: edges.iter().map(edge).collect(),
            evidence: Vec::new(),
            approvals: Vec::new(),
            decisions: Vec::new(),
            truncated: false,
        }
    }

    #[test]
    fn boxes_stand_in_layers_and_lines_go_to_the_right() {
        let drawing = draw(&view(&[("me", "a"), ("me", "b"), ("a", "c"), ("out", "me")]));
        let x = |name: &str| drawing.cells.iter().find(|cell| cell.name == name).unwrap().x;
        assert!(x("c") < x("a") && x("a") == x("b") && x("b") < x("me") && x("me") < x("out"));
        assert_eq!((drawing.cells.len(), drawing.edges.len(), drawing.list.len()), (5, 4, 4));
        assert_eq!(drawing.list.iter().filter(|entry| entry.out).count(), 1);
        assert!(drawing.title.contains("comes from dataset a, dataset b; from it come dataset out"), "{}", drawing.title);
    }

    #[test]
    fn a_wide_lineage_is_cut_and_a_circle_ends() {
        let names: Vec<String> = (0..300).map(|number| format!("n{number:03}")).collect();
        let mut edges: Vec<(&str, &str)> = names.iter().map(|name| ("me", name.as_str())).collect();
        edges.push(("n000", "me"));
        let drawing = draw(&view(&edges));
        assert_eq!((drawing.cells.len(), drawing.list.len(), drawing.unlisted), (MOST, LISTED, 100));
        assert!(drawing.title.contains("241 more"), "{}", drawing.title);
    }
}
