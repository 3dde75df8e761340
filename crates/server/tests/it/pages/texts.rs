//! What people write, in the registry that the pages are looked at with: the words of ordinary people, or of those who try what happens.

/// Whose words are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Texts {
    Ordinary,
    Hostile,
}

/// A script in every way that a page could run one, a picture from elsewhere, an end of every context that text stands in, writing from right
/// to left, letters without a width, and a tower of accents.
pub(crate) const HOSTILE: &str = concat!(
    r#"<script>alert("stored")</script><img src=https://attacker.example/x.png onerror=alert(1)><svg onload=alert(2)>"#,
    r#"'"></td></section></main></textarea></title><!--]]> {{7*7}} ${7*7} javascript:alert(3) &lt;b&gt; %3Cscript%3E "#,
    "\u{202e}gpj.exe\u{2066}\u{200b}\u{feff}a\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{fffd}\u{1f469}\u{200d}\u{1f52c}",
);

/// A word that no line breaks.
const LONG: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

impl Texts {
    /// Text for a field of people.
    pub(crate) fn of(self, plain: &str) -> String {
        match self {
            Self::Ordinary => plain.to_owned(),
            Self::Hostile => format!("{HOSTILE}{LONG} {plain}"),
        }
    }

    /// Text for a field of one line that is not long.
    pub(crate) fn short(self, plain: &str) -> String {
        match self {
            Self::Ordinary => plain.to_owned(),
            Self::Hostile => format!("<script>alert(4)</script><img src=x onerror=alert(5)>\"'{plain}\u{202e}"),
        }
    }

    /// A name, which may have no slash, no colon and nothing that deceives.
    pub(crate) fn name(self, plain: &str) -> String {
        match self {
            Self::Ordinary => plain.to_owned(),
            Self::Hostile => format!("{plain}\"'><script>alert(6)<svg onload=alert(7)>%2e%2e?q=1#f&lt;a\u{301}\u{301}"),
        }
    }

    /// The value of a tag, at its largest when it is hostile.
    pub(crate) fn tag(self, plain: &str) -> String {
        match self {
            Self::Ordinary => plain.to_owned(),
            Self::Hostile => {
                let words = HOSTILE.chars().chain(LONG.chars().cycle());
                words.take(chancery_core::names::MAX_TAG_VALUE_CHARACTERS).collect()
            }
        }
    }

    /// A model card in Markdown.
    pub(crate) fn card(self) -> String {
        match self {
            Self::Ordinary => "# Loans\n\n## Intended use\n\nFirst *sorting* of applications by a person.\n\n| a | b |\n| - | - |\n| 1 | 2 |\n".to_owned(),
            Self::Hostile => format!(
                "# {HOSTILE}\n\n<script>alert(8)</script>\n\n<iframe src=\"https://attacker.example\"></iframe>\n\n<style>body{{display:none}}</style>\n\n\
                 [click](javascript:alert(9)) [data](data:text/html,<script>alert(10)</script>) [there](https://attacker.example/a) <https://attacker.example/b>\n\n\
                 ![picture](https://attacker.example/p.png) ![x](x \"onerror=alert(11)\")\n\n[ref]: javascript:alert(12)\n[click here][ref]\n\n\
                 ```html\n<script>alert(13)</script>\n```\n\n{}\n\n{}\n\n{}\n\n| <b>a</b> |\n| - |\n| {LONG}{LONG} |\n",
                "[".repeat(10_000),
                ">".repeat(10_000),
                "*_`".repeat(3_000),
            ),
        }
    }

    /// The path of a file in a package.
    pub(crate) fn file(self) -> String {
        match self {
            Self::Ordinary => "data/model.bin".to_owned(),
            Self::Hostile => format!("data/<script>alert(14)<img src=x onerror=alert(15)>/{LONG}"),
        }
    }

    /// An MLmodel file.
    pub(crate) fn mlmodel(self) -> String {
        let text = self.short("sklearn").replace('"', "");
        format!(
            "artifact_path: model\nflavors:\n  \"{text}\":\n    sklearn_version: \"{text}\"\n  python_function:\n    loader_module: mlflow.sklearn\nmodel_uuid: \"{text}\"\nrun_id: \"{text}\"\n"
        )
    }
}
