//! Sections by heading: their ids, what other names they go by, and whether they say anything.

/// Characters of text that make a section count.
const MIN_SECTION_CHARACTERS: usize = 20;
/// Words of a text that is still to be written. Put together, because the sources themselves are searched for them.
const PLACEHOLDERS: &[&str] = &[concat!("TO", "DO"), "TBD", concat!("FIX", "ME"), concat!("X", "XX")];
/// Headings, as ids, and the ids that they stand for too.
const SYNONYMS: &[(&str, &[&str])] = &[
    ("uses", &["intended_use"]),
    ("direct_use", &["intended_use"]),
    ("intended_uses", &["intended_use"]),
    ("intended_uses_and_limitations", &["intended_use", "limitations"]),
    ("use_cases", &["intended_use"]),
    ("misuse_and_out_of_scope_use", &["out_of_scope_use"]),
    ("out_of_scope_uses", &["out_of_scope_use"]),
    ("evaluation", &["performance"]),
    ("evaluation_results", &["performance"]),
    ("results", &["performance"]),
    ("quantitative_analyses", &["performance"]),
    ("benchmarks", &["performance"]),
    ("testing_data", &["evaluation_data"]),
    ("training_details", &["training_data"]),
    ("known_limitations", &["limitations"]),
    ("limits", &["limitations"]),
    ("risks_and_limitations", &["limitations"]),
    ("caveats_and_recommendations", &["limitations", "recommendations"]),
    ("bias_risks_and_limitations", &["limitations", "ethical_considerations"]),
    ("limitations_and_bias", &["limitations", "ethical_considerations"]),
    ("limitations_and_biases", &["limitations", "ethical_considerations"]),
    ("ethical_considerations_and_limitations", &["limitations", "ethical_considerations"]),
    ("ethics", &["ethical_considerations"]),
    ("fairness", &["ethical_considerations"]),
    ("social_impact", &["ethical_considerations"]),
    ("dataset_description", &["motivation"]),
    ("curation_rationale", &["motivation"]),
    ("dataset_structure", &["composition"]),
    ("source_data", &["collection_process"]),
    ("data_collection_and_processing", &["collection_process"]),
    ("initial_data_collection_and_normalization", &["collection_process"]),
    ("preprocessing_cleaning_labeling", &["preprocessing"]),
    ("preprocessing_cleaning_labelling", &["preprocessing"]),
    ("annotations", &["preprocessing"]),
    ("licensing_information", &["distribution"]),
];

/// The id of a heading: `3.1 Bias, Risks & Limitations [optional]` is `bias_risks_and_limitations`.
pub(super) fn id(heading: &str) -> String {
    let lower = heading.to_lowercase().replace("[optional]", " ").replace("(optional)", " ").replace('&', " and ");
    let text = lower.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.' || letter == ')' || letter.is_whitespace());
    let words: Vec<&str> = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("_").chars().take(100).collect()
}

/// The other ids that a heading counts as.
pub(super) fn stands_for(id: &str) -> &'static [&'static str] {
    SYNONYMS.iter().find(|(heading, _)| *heading == id).map_or(&[], |(_, ids)| ids)
}

/// Whether lines hold text that is no placeholder.
pub(super) fn says_something(lines: &[String]) -> bool {
    let shown = |letter: &char| !letter.is_whitespace() && !matches!(letter, '-' | '*' | '_' | '#' | '>' | '|' | '`' | '[' | ']');
    let characters = lines.iter().map(|line| said(line)).map(|text| text.chars().filter(shown).count());
    characters.sum::<usize>() >= MIN_SECTION_CHARACTERS
}

/// A line without placeholders; nothing of a line that is one, or that is only a label.
fn said(line: &str) -> String {
    let is_open = |word: &str| PLACEHOLDERS.contains(&word.trim_matches(|letter: char| !letter.is_alphanumeric()));
    if line.split_whitespace().any(is_open) {
        return String::new();
    }
    let mut text = line.to_owned();
    for (open, close) in [('{', '}'), ('<', '>')] {
        text = without(&text, open, close);
    }
    let lower = text.to_lowercase();
    if lower.contains("more information needed") {
        text = lower.replace("[more information needed]", "").replace("more information needed", "");
    }
    let bare = text.trim_matches(|letter: char| letter.is_whitespace() || matches!(letter, '*' | '_' | '-' | '.'));
    if bare.ends_with(':') { String::new() } else { text }
}

/// The text without what stands between two characters.
fn without(text: &str, open: char, close: char) -> String {
    let mut rest = text;
    let mut kept = String::with_capacity(text.len());
    while let Some((before, after)) = rest.split_once(open) {
        let Some((_, behind)) = after.split_once(close) else { break };
        kept.push_str(before);
        rest = behind;
    }
    kept.push_str(rest);
    kept
}
