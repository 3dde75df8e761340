use proptest::prelude::*;

use super::*;

fn record(title: &str, description: &str) -> Record {
    Record {
        id: Some(RiskId::parse(&format!("r{:0>32}", 1)).unwrap()),
        title: title.to_owned(),
        category: Label::parse("fairness").unwrap(),
        severity: Severity::High,
        likelihood: Likelihood::Likely,
        level: String::new(),
        status: String::new(),
        description: description.to_owned(),
        requirements: vec!["EU-AI-Act Art. 10".to_owned(), "=cmd|' /C calc'!A0".to_owned()],
        review_date: Some(Timestamp::parse("2026-12-01T00:00:00Z").unwrap()),
        models: vec![ModelName::parse("loan; approval").unwrap(), ModelName::parse("-fraud").unwrap()],
        mitigations: vec![MitigationRecord { text: "look,\n\"twice\"".to_owned(), owner: Label::parse("risk").unwrap(), due: None, done_at: None }],
    }
}

#[test]
fn cells_that_look_like_formulas_are_guarded_and_read_back() {
    for (text, cell) in [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("'=1", "''=1"),
        ("it's", "it's"),
        ("'quoted'", "'quoted'"),
        ("", ""),
    ] {
        assert_eq!(guarded(text), cell);
        assert_eq!(unguarded(cell), text);
    }
}

#[test]
fn what_is_no_table_of_risks_is_refused_by_name() {
    let head = "title,category,severity,likelihood";
    for (text, field, says) in [
        ("", "body", "head"),
        ("title,colour\n", "body", "`colour`"),
        ("title,\"x\n", "body", "not closed"),
        ("ti\"tle\n", "body", "quote"),
        ("\"title\"x\n", "body", "quote"),
    ] {
        let refusal = read(text.as_bytes(), Format::Csv).unwrap_err();
        assert_eq!(refusal.field.as_deref(), Some(field), "{text}");
        assert!(refusal.to_string().contains(says), "{refusal}");
    }
    for (row, field) in [
        ("a,b", "row"),
        (",fairness,high,rare", "title"),
        ("a,Fair ness,high,rare", "category"),
        ("a,fairness,huge,rare", "severity"),
        ("a,fairness,high,never", "likelihood"),
    ] {
        let rows = read(format!("{head}\n{row}\r\n\r\n").as_bytes(), Format::Csv).unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].as_ref().unwrap_err().field.as_deref(), Some(field), "{row}");
    }
    assert_eq!(read(&vec![b' '; MAX_BYTES + 1], Format::Csv).unwrap_err().code, Code::TooLarge);
    assert_eq!(read("a,b\n".repeat(3).replace("a,b", "title").as_bytes(), Format::Csv).unwrap().len(), 2);
    let many = format!("{head}\n{}", "a,b,low,rare\n".repeat(MAX_ROWS + 1));
    assert_eq!(read(many.as_bytes(), Format::Csv).unwrap_err().code, Code::TooLarge);
    assert!(read(b"{}", Format::Json).is_err() && read(b"\xff", Format::Json).is_err());
    let unknown = br#"[{"title": "a", "category": "b", "severity": "low", "likelihood": "rare", "colour": "red"}]"#;
    assert!(read(unknown, Format::Json).unwrap()[0].as_ref().unwrap_err().message.contains("colour"));
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(title in "[^\\p{Cc}]{1,40}", description in "[=+@'\",a\r\n\t-]{0,40}") {
        prop_assume!(!title.trim().is_empty());
        let written = record(&title, &description);
        for format in [Format::Csv, Format::Json] {
            let read = read(write(std::slice::from_ref(&written), format).as_bytes(), format).unwrap();
            prop_assert_eq!(read.len(), 1);
            prop_assert_eq!(read[0].as_ref().unwrap(), &written);
        }
    }

    #[test]
    fn no_written_cell_begins_like_a_formula(text in "[=+@'a\r\t-]{0,8}") {
        let cell = guarded(&text);
        prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']));
        prop_assert_eq!(unguarded(&cell), text);
    }

    #[test]
    fn nothing_makes_the_reader_panic(text in ".{0,200}") {
        drop(read(text.as_bytes(), Format::Csv));
    }
}
