//! Markdown by an allow-list: headings, paragraphs, lists, tables, emphasis and code. HTML is text, a picture is its words, a link is
//! text with its address, unless it leads to a page of this server.
//!
//! INVARIANT: every tag is one of ours, every text is escaped, and no more than [`MAX_MARKUP`] bytes are made, however the text expands.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, MetadataBlockKind, Options, Parser, Tag, TagEnd};

use crate::http::ui::filters::{Html, escaped};

/// Most bytes of markup.
pub(super) const MAX_MARKUP: usize = 40_000;
/// Deepest nesting that is shown; what is deeper stands in the innermost.
const MAX_NESTING: usize = 12;
/// The level under the heading of the section that the document stands in.
const FIRST_LEVEL: usize = 3;

/// Makes markup of a document; whether all of it is there.
pub(super) fn render(text: &str) -> (Html, bool) {
    let options = Options::ENABLE_TABLES | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS | Options::ENABLE_STRIKETHROUGH;
    let mut maker = Maker::default();
    for event in Parser::new_ext(text, options) {
        if maker.markup.len() > MAX_MARKUP {
            maker.whole = false;
            break;
        }
        maker.take(event);
    }
    while let Some(tag) = maker.open.pop() {
        maker.close(tag);
    }
    (Html::made(maker.markup), maker.whole)
}

/// Text of at most so many bytes of markup; whether all of it is there.
pub(super) fn within(text: &str, bytes: usize) -> (Html, bool) {
    let mut markup = String::new();
    for (place, letter) in text.char_indices() {
        markup.push_str(&escaped(letter.encode_utf8(&mut [0; 4])));
        if markup.len() > bytes {
            return (Html::made(markup), place + letter.len_utf8() == text.len());
        }
    }
    (Html::made(markup), true)
}

struct Maker {
    markup: String,
    /// Tags to close, the innermost last; none for what shows nothing of its own.
    open: Vec<Option<&'static str>>,
    /// Where the links that are open lead.
    links: Vec<Option<String>>,
    level: usize,
    /// Whether the row is a head of a table.
    head: bool,
    whole: bool,
}

impl Default for Maker {
    fn default() -> Self {
        Self { markup: String::new(), open: Vec::new(), links: Vec::new(), level: FIRST_LEVEL - 1, head: false, whole: true }
    }
}

impl Maker {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.text(&text),
            Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.markup.push_str("<code class=\"brk\">");
                self.text(&text);
                self.markup.push_str("</code>");
            }
            Event::FootnoteReference(text) => self.text(&format!("[{text}]")),
            Event::SoftBreak => self.markup.push('\n'),
            Event::HardBreak => self.markup.push_str("<br>"),
            Event::Rule => self.markup.push_str("<hr>"),
            Event::TaskListMarker(done) => self.text(if done { "[x] " } else { "[ ] " }),
        }
    }

    /// Adds text, as far as there is room.
    fn text(&mut self, text: &str) {
        let (markup, whole) = within(text, MAX_MARKUP.saturating_sub(self.markup.len()));
        self.whole &= whole;
        self.markup.push_str(&markup.to_string());
    }

    fn start(&mut self, tag: Tag<'_>) {
        let name = match tag {
            Tag::Paragraph => Some("p"),
            Tag::Heading { level, .. } => Some(self.heading(level)),
            Tag::BlockQuote(_) => Some("blockquote"),
            Tag::CodeBlock(CodeBlockKind::Indented | CodeBlockKind::Fenced(_))
            | Tag::MetadataBlock(MetadataBlockKind::YamlStyle | MetadataBlockKind::PlusesStyle) => Some("pre"),
            Tag::List(Some(_)) => Some("ol"),
            Tag::List(None) => Some("ul"),
            Tag::Item => Some("li"),
            Tag::Table(_) => Some("table"),
            Tag::TableHead => {
                self.head = true;
                Some("tr")
            }
            Tag::TableRow => Some("tr"),
            Tag::TableCell => Some(if self.head { "th" } else { "td" }),
            Tag::Emphasis => Some("em"),
            Tag::Strong => Some("strong"),
            Tag::Link { dest_url, .. } => {
                self.links.push(Some(dest_url.to_string()));
                if is_here(&dest_url) {
                    self.markup.push_str(&format!("<a href=\"{}\">", escaped(&dest_url)));
                }
                None
            }
            Tag::Image { .. } => {
                self.text("[picture: ");
                self.links.push(None);
                None
            }
            Tag::Strikethrough
            | Tag::HtmlBlock
            | Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Superscript
            | Tag::Subscript => None,
        };
        let name = name.filter(|_| self.open.iter().flatten().count() < MAX_NESTING);
        if let Some(name) = name {
            self.markup.push_str(match name {
                "table" => "<div class=\"wide\"><table>",
                "th" => "<th scope=\"col\">",
                "pre" => "<pre tabindex=\"0\">",
                _ => "<",
            });
            if !matches!(name, "table" | "th" | "pre") {
                self.markup.push_str(name);
                self.markup.push('>');
            }
        }
        self.open.push(name);
    }

    /// Headings in order: none is more than one level below the one before.
    fn heading(&mut self, level: HeadingLevel) -> &'static str {
        let wanted = match level {
            HeadingLevel::H1 => 3,
            HeadingLevel::H2 => 4,
            HeadingLevel::H3 => 5,
            HeadingLevel::H4 | HeadingLevel::H5 | HeadingLevel::H6 => 6,
        };
        self.level = wanted.min(self.level + 1);
        match self.level {
            3 => "h3",
            4 => "h4",
            5 => "h5",
            _ => "h6",
        }
    }

    fn end(&mut self, tag: TagEnd) {
        if tag == TagEnd::Link
            && let Some(Some(address)) = self.links.pop()
        {
            if is_here(&address) { self.markup.push_str("</a>") } else { self.text(&format!(" ({address})")) }
        } else if tag == TagEnd::Image {
            self.links.pop();
            self.text("]");
        } else if tag == TagEnd::TableHead {
            self.head = false;
        }
        let name = self.open.pop().flatten();
        self.close(name);
    }

    fn close(&mut self, name: Option<&'static str>) {
        if let Some(name) = name {
            self.markup.push_str(&format!("</{name}>"));
            if name == "table" {
                self.markup.push_str("</div>");
            }
        }
    }
}

/// Whether an address is a path of this server.
fn is_here(address: &str) -> bool {
    address.starts_with('/') && !address.starts_with("//") && !address.contains(|letter: char| letter == '\\' || letter.is_control() || letter.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str) -> String {
        render(text).0.to_string()
    }

    #[test]
    fn what_people_write_is_shown() {
        for (text, expected) in [
            ("# A\n\nb *c* **d** `e`", "<h3>A</h3><p>b <em>c</em> <strong>d</strong> <code class=\"brk\">e</code></p>"),
            ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
            ("# A\n### B", "<h3>A</h3><h4>B</h4>"),
            ("[w](/models/a)", "<p><a href=\"/models/a\">w</a></p>"),
            ("[w](https://x.example/)", "<p>w (https://x.example/)</p>"),
            ("![alt](https://x.example/p.png)", "<p>[picture: alt]</p>"),
        ] {
            assert_eq!(html(text), expected);
        }
        let table = html("| a |\n| --- |\n| 1 |");
        assert_eq!(table, "<div class=\"wide\"><table><tr><th scope=\"col\">a</th></tr><tr><td>1</td></tr></table></div>");
    }

    #[test]
    fn hostile_text_stays_text() {
        for text in [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "[x](javascript:alert(1))",
            "[x](//evil.example/)",
            "[x](/\\evil.example)",
            "![a](javascript:alert(1) \"<b>\")",
            "<a href=\"https://evil.example\">x</a>",
            "[x]: javascript:alert(1)\n\n[x]",
            "```<script>\n</pre><script>\n```",
            "---\na: </pre><script>\n---\n",
        ] {
            let html = html(text);
            for bad in ["<script", "<img", "<a ", "href=\"", "src=\"", "</pre><"] {
                assert!(!html.contains(bad), "{bad} in {html}");
            }
        }
    }

    #[test]
    fn no_document_grows_beyond_its_size() {
        for text in [
            ">".repeat(50_000),
            "- ".repeat(30_000),
            "|".repeat(60_000),
            "<".repeat(100_000),
            format!("|a|\n|-|\n{}", "|b|\n".repeat(30_000)),
            "*a ".repeat(30_000),
        ] {
            let (html, _) = render(&text);
            assert!(html.to_string().len() < MAX_MARKUP + 2_000, "{} bytes of {}", html.to_string().len(), text.chars().take(10).collect::<String>());
        }
        assert!(!render(&"a b\n\n".repeat(20_000)).1);
        let (text, whole) = within("<<<", 6);
        assert_eq!((text.to_string().as_str(), whole), ("&#60;&#60;", false));
    }
}
