//! The grammar, case by case: what is understood, and the message for everything else.

use chancery_core::rows::Value;

use super::*;

/// What a filter means, in short.
fn meaning(text: &str, target: Target) -> String {
    match parse_filter(text, target) {
        Ok(filter) => format!("{:?} {:?}", filter.prompts, filter.clauses),
        Err(Bad(message)) => message,
    }
}

#[test]
fn filters_are_understood() {
    for (text, wanted) in [
        ("", ""),
        ("name = 'a'", r#"Attribute(Name, Equal("a"))"#),
        ("name='a'", r#"Attribute(Name, Equal("a"))"#),
        ("name\n=\t'a'", r#"Attribute(Name, Equal("a"))"#),
        ("name = \"a\"", r#"Attribute(Name, Equal("a"))"#),
        ("attribute.name != ''", r#"Attribute(Name, Unequal(""))"#),
        ("name = 'a''b'", r#"Attribute(Name, Equal("a''b"))"#),
        (r"name = 'a\'b'", r#"Attribute(Name, Equal("a\\'b"))"#),
        ("name = \"it's\"", r#"Attribute(Name, Equal("it's"))"#),
        ("name = 'a AND b'", r#"Attribute(Name, Equal("a AND b"))"#),
        ("name lIkE 'a%'", r#"Attribute(Name, Like("a%"))"#),
        ("name ilike 'É_'", r#"Attribute(Name, LikeAnyCase("É_"))"#),
        ("name IN ('a', \"b\",)", r#"Attribute(Name, In(["a", "b"]))"#),
        (r"name not  in ('it\'s', 'a\b', 'c\\')", r#"Attribute(Name, NotIn(["it's", "a\\b", "c\\"]))"#),
        ("tag.k = 'v'", r#"Tag("k", Equal("v"))"#),
        ("tags.a.b.c != 'v'", r#"Tag("a.b.c", Unequal("v"))"#),
        ("tags.`a b` LIKE 'v'", r#"Tag("a b", Like("v"))"#),
        ("tags.\"a`b\" ILIKE 'v'", r#"Tag("a`b", LikeAnyCase("v"))"#),
        ("tags.'a\"b' = 'v'", r#"Tag("a\"b", Equal("v"))"#),
        ("tags.日本 = '語'", r#"Tag("日本", Equal("語"))"#),
        ("tags.order = 'v'", r#"Tag("order", Equal("v"))"#),
        ("tags.k = 'a' AND name = 'b'", r#"Tag("k", Equal("a")), Attribute(Name, Equal("b"))"#),
        ("tags.k = 'a'and name IN ('b')and name = 'c'", r#"Tag("k", Equal("a")), Attribute(Name, In(["b"])), Attribute(Name, Equal("c"))"#),
        ("AND name = 'a' AND", r#"Attribute(Name, Equal("a"))"#),
        ("name = 'a' name = 'b'", r#"Attribute(Name, Equal("a")), Attribute(Name, Equal("b"))"#),
        ("AND", ""),
    ] {
        for target in [Target::Models, Target::Versions] {
            assert_eq!(meaning(text, target), format!("Hidden [{wanted}]"), "{text}");
        }
    }
}

#[test]
fn versions_have_more_attributes() {
    for (text, wanted) in [
        ("run_id = 'a'", r#"Attribute(RunId, Equal("a"))"#),
        ("run_id IN ('a')", r#"Attribute(RunId, In(["a"]))"#),
        ("source_path LIKE 's3://%'", r#"Attribute(Source, Like("s3://%"))"#),
        ("version_number = 1", r#"Number("=", 1)"#),
        ("version_number<='2' AND version_number >\" -3 \"", r#"Number("<=", 2), Number(">", -3)"#),
        ("version_number != -1", r#"Number("!=", -1)"#),
        ("version_number < 99999999999999999999", "Number(\"<\", 9223372036854775807)"),
        ("version_number > -99999999999999999999", "Number(\">\", -9223372036854775808)"),
    ] {
        assert_eq!(meaning(text, Target::Versions), format!("Hidden [{wanted}]"), "{text}");
        let attribute = text.split([' ', '<']).next().unwrap();
        let message = format!("Invalid attribute key '{attribute}' specified. Valid keys are '{{'name'}}'");
        assert_eq!(meaning(text, Target::Models), message);
    }
}

#[test]
fn prompts_are_hidden_unless_asked_for() {
    for (text, wanted) in [
        ("tags.`mlflow.prompt.is_prompt` = 'true'", r#"Shown [Tag("mlflow.prompt.is_prompt", Equal("true"))]"#),
        ("name = 'a' AND tag.mlflow.prompt.is_prompt = 'True'", r#"Shown [Attribute(Name, Equal("a")), Tag("mlflow.prompt.is_prompt", Equal("True"))]"#),
        ("tags.mlflow.prompt.is_prompt != 'false'", r#"Shown [Tag("mlflow.prompt.is_prompt", Unequal("false"))]"#),
        ("tags.`mlflow.prompt.is_prompt` != 'true'", "Hidden []"),
        ("tags.`mlflow.prompt.is_prompt` = 'false' AND tags.a = 'b'", r#"Hidden [Tag("a", Equal("b"))]"#),
        ("tags.`mlflow.prompt.is_prompt` LIKE 'true'", "Hidden []"),
        // The first one decides.
        ("tags.`mlflow.prompt.is_prompt` = 'x' AND tags.`mlflow.prompt.is_prompt` = 'true'", "Hidden []"),
    ] {
        assert_eq!(meaning(text, Target::Models), wanted, "{text}");
    }
}

const NOT_QUOTED: &str = "Parameter value is either not quoted or unidentified quote types used for string value";
const WANTS_TEXT: &str = "Expected a quoted string value or a list of quoted string values for attributes. Got value";
const WANTS_TAG_TEXT: &str = "Expected a quoted string value for tag (e.g. 'my-value'). Got value";
const ENTITIES: &str = "Valid entity types are ('attribute', 'tag', 'tags')";

#[test]
fn mistakes_have_the_messages_that_clients_know() {
    let clauses = |others: &str| format!("Invalid clause(s) in filter string: {others}");
    let key = |key: &str| format!("Invalid attribute key '{key}' specified. Valid keys are '{{'name'}}'");
    let list = |what: &str| format!("While parsing a list in the query, expected a non-empty list of string values, but got {what}");
    for (text, wanted) in [
        (" ", "Invalid filter ' '. Could not be parsed.".to_owned()),
        ("name = 'a\0'", "Invalid filter 'name = 'a\\0''. Could not be parsed.".to_owned()),
        ("name = 'a' OR name = 'b'", clauses("OR")),
        ("NOT name = 'a'", clauses("NOT")),
        ("(name = 'a')", clauses("(name = 'a')")),
        ("name = 'a' and (name = 'b')", clauses("(name = 'b')")),
        ("name = 'a';", clauses(";")),
        ("name = 'a', name = 'b'", clauses(",")),
        ("name = 'a' -- comment", clauses("-- comment")),
        ("name = 'a' /* c */", clauses("/* c */")),
        ("name BETWEEN 'a' AND 'b'", clauses("name, BETWEEN, 'a', 'b'")),
        ("name IS NULL", clauses("name, IS, NULL")),
        ("tags.k IS NOT NULL", clauses("tags.k, IS, NOT, NULL")),
        ("name IN ('a'", clauses("name, IN, (, 'a'")),
        ("name IN", clauses("name, IN")),
        ("name IN 'a'", clauses("name, IN, 'a'")),
        ("name LIKE", clauses("name, LIKE")),
        ("name", clauses("name")),
        ("foo = true", clauses("foo, =, true")),
        ("= 'a'", clauses("=, 'a'")),
        ("name = *", clauses("name, =, *")),
        ("name = 'a", clauses("name, =, ', a")),
        ("tags.`a`b = 'v'", clauses("tags.`a`")),
        ("tags.a b = 'v'", clauses("tags.a")),
        ("name < = 'a'", clauses("name, <, =, 'a'")),
        ("name = 'a' LIMIT 5", clauses("LIMIT, 5")),
        ("version = '1'", clauses("version, =, '1'")),
        ("source = 'x'", clauses("source, =, 'x'")),
        ("SELECT 1", clauses("SELECT, 1")),
        ("name = 'a'; name = 'b'", "Search filter contained multiple expression \"name = 'a'; name = 'b'\". Provide AND-ed expression list.".to_owned()),
        ("'a' = name", "Invalid comparison clause. Expected 'Identifier' found ''a''".to_owned()),
        ("1 = 1", "Invalid comparison clause. Expected 'Identifier' found '1'".to_owned()),
        ("foo = 'a'", key("foo")),
        ("NAME = 'a'", key("NAME")),
        ("`name` = 'a'", key("`name`")),
        ("attribute.`name` = 'a'", key("`name`")),
        ("creation_timestamp > 5", key("creation_timestamp")),
        ("current_stage = 'x'", key("current_stage")),
        ("metric.x = 'a'", format!("Invalid entity type 'metric'. {ENTITIES}")),
        ("attributes.name = 'a'", format!("Invalid entity type 'attributes'. {ENTITIES}")),
        ("Tags.k = 'a'", format!("Invalid entity type 'Tags'. {ENTITIES}")),
        ("name = a", format!("{NOT_QUOTED} a. Use either single or double quotes.")),
        ("name!=something", format!("{NOT_QUOTED} something. Use either single or double quotes.")),
        ("tags.k = `v`", format!("{NOT_QUOTED} `v`. Use either single or double quotes.")),
        ("name = 5", format!("{WANTS_TEXT} 5")),
        ("name = NULL", format!("{WANTS_TEXT} NULL")),
        ("name = ('a')", format!("{WANTS_TEXT} ('a')")),
        ("tags.k = 5.5", format!("{WANTS_TAG_TEXT} 5.5")),
        ("tags.k IN ('a')", format!("{WANTS_TAG_TEXT} ('a')")),
        ("name IN ()", list("empty list")),
        ("name IN (,)", list("ill-formed list.")),
        ("name IN ('a',,'b')", list("ill-formed list.")),
        ("name IN ('a' 'b')", list("ill-formed list.")),
        ("name IN (a)", list("ill-formed list.")),
        (
            "name IN (1,2)",
            "While parsing a list in the query, expected string value, punctuation, or whitespace, but got different type in list: (1, 2)".to_owned(),
        ),
        ("name == 'a'", "Invalid comparator for attribute: ==".to_owned()),
        ("name <> 'a'", "Invalid comparator for attribute: <>".to_owned()),
        ("name > 'a'", "Invalid comparator for attribute: >".to_owned()),
        ("name rlike 'a'", "Invalid comparator for attribute: RLIKE".to_owned()),
        ("name NOT LIKE 'a'", "Invalid comparator for attribute: NOT LIKE".to_owned()),
        ("tags.k >= 'a'", "Invalid comparator for tag: >=".to_owned()),
        // What is no comparison is reported before any name, names and values before any operator.
        ("name > 'a' AND foo = 'b' AND OR", clauses("OR")),
        ("name > 'a' AND foo = 'b'", key("foo")),
    ] {
        assert_eq!(meaning(text, Target::Models), wanted, "{text}");
    }
}

#[test]
fn versions_have_mistakes_of_their_own() {
    let number = "Only the '{'version_number', 'creation_timestamp', 'last_updated_timestamp'}' attributes support comparison with numeric values.";
    let list = "Only ['name', 'run_id'] attributes support comparison with a list of quoted string values.";
    let value = |shown: &str| format!("Invalid value for numeric attribute 'version_number': {shown}");
    for (text, wanted) in [
        ("name = 5", number.to_owned()),
        ("run_id = 5.5", number.to_owned()),
        ("source_path IN ('a')", list.to_owned()),
        ("version_number NOT IN ('1')", list.to_owned()),
        ("version_number LIKE '1'", "Invalid comparator for attribute version_number: LIKE".to_owned()),
        ("version_number <> 1", "Invalid comparator for attribute version_number: <>".to_owned()),
        ("version_number = 1.5", value("1.5")),
        ("version_number = 1e3", value("1000.0")),
        ("version_number = 'x'", value("'x'")),
        ("version_number = '1.5'", value("'1.5'")),
        ("version_number = ''", value("''")),
        ("status = 'READY'", "Invalid attribute key 'status' specified. Valid keys are '{'name', 'version_number', 'run_id', 'source_path'}'".to_owned()),
    ] {
        assert_eq!(meaning(text, Target::Versions), wanted, "{text}");
    }
    assert_eq!(meaning("name IN ('a') AND foo IN ('b')", Target::Models), "Invalid attribute key 'foo' specified. Valid keys are '{'name'}'");
}

#[test]
fn what_a_statement_cannot_hold_is_refused() {
    let many = "tags.k = 'v' ".repeat(101);
    assert_eq!(meaning(&many, Target::Models), "Invalid filter: it has 101 comparisons, at most 100 are allowed.");
    let list = format!("name IN ({})", "'a',".repeat(5_001));
    assert_eq!(meaning(&list, Target::Models), "While parsing a list in the query, expected at most 5000 values, but got 5001");
    let pattern = format!("name LIKE '{}'", "%".repeat(20_001));
    assert_eq!(meaning(&pattern, Target::Models), "Invalid value: a pattern has 20001 bytes, at most 20000 are allowed.");
}

/// The terms of an order in short, or what is wrong with it.
fn ordered(clauses: &[&str], target: Target) -> String {
    let clauses: Vec<String> = clauses.iter().map(|clause| (*clause).to_owned()).collect();
    parse_order(&clauses, target).map_or_else(|Bad(message)| message, |order| order.signature())
}

#[test]
fn orders_are_total() {
    // n: name, v: number, c: created, u: updated; upper case descends.
    for (clauses, models, versions) in [
        (&[][..], "n", "UnV"),
        (&["name"], "n", "nV"),
        (&["name DESC"], "N", "NV"),
        (&["name\tdeSc"], "N", "NV"),
        (&["name  asc"], "n", "nV"),
        (&["`name` DESC"], "N", "NV"),
        (&["last_updated_timestamp"], "un", "unV"),
        (&["`last_updated_timestamp` DESC", "name DESC"], "UN", "UNV"),
    ] {
        assert_eq!(ordered(clauses, Target::Models), models, "{clauses:?}");
        assert_eq!(ordered(clauses, Target::Versions), versions, "{clauses:?}");
    }
    for (clauses, wanted) in [(&["timestamp\r\rASC"][..], "un"), (&["timestamp DESC", "name"], "Un")] {
        assert_eq!(ordered(clauses, Target::Models), wanted, "{clauses:?}");
    }
    for (clauses, wanted) in [
        (&["version_number"][..], "vn"),
        (&["version_number DESC", "name DESC"], "VN"),
        (&["creation_timestamp DESC"], "CnV"),
        (&["attribute.name", "creation_timestamp", "last_updated_timestamp DESC", "version_number ASC"], "ncUv"),
    ] {
        assert_eq!(ordered(clauses, Target::Versions), wanted, "{clauses:?}");
    }
}

#[test]
fn orders_that_are_none() {
    for clause in
        ["", " ", "name,", "name, timestamp", "name DESC FOO", " name", "name ", "DESC", "'name'", "1", "*", "name DESC;", "`name", "name = 'a'", "-name"]
    {
        for target in [Target::Models, Target::Versions] {
            assert_eq!(ordered(&["name", clause], target), format!("Invalid order_by clause '{clause}'. Could not be parsed."));
        }
    }
    let keys = "{'name', 'version_number', 'creation_timestamp', 'last_updated_timestamp'}";
    for (clauses, target, wanted) in [
        (&["name FOO"][..], Target::Models, "Invalid ordering key in order_by clause 'name FOO'.".to_owned()),
        (
            &["name", "creation_timestamp DESC"],
            Target::Models,
            "Invalid order by key 'creation_timestamp' specified. Valid keys are '{'name', 'timestamp'}'".to_owned(),
        ),
        (&["attribute.name"], Target::Models, "Invalid order by key 'attribute.name' specified. Valid keys are '{'name', 'timestamp'}'".to_owned()),
        (&["run_id DESC"], Target::Versions, format!("Invalid attribute key 'run_id' specified. Valid keys are '{keys}'")),
        (&["timestamp"], Target::Versions, format!("Invalid attribute key 'timestamp' specified. Valid keys are '{keys}'")),
        (&["tag.x"], Target::Versions, format!("Invalid order by key 'x' specified. Valid keys are {keys}")),
        (&["metric.x"], Target::Versions, format!("Invalid entity type 'metric'. {ENTITIES}")),
        (&["name", "name DESC"], Target::Models, "`order_by` contains duplicate fields: ['name', 'name DESC']".to_owned()),
        (&["timestamp", "last_updated_timestamp"], Target::Models, "`order_by` contains duplicate fields: ['timestamp', 'last_updated_timestamp']".to_owned()),
    ] {
        assert_eq!(ordered(clauses, target), wanted, "{clauses:?}");
    }
}

#[test]
fn page_tokens_belong_to_an_order() {
    let order = parse_order(&[], Target::Versions).unwrap();
    let page = Page { after: vec![Value::Integer(7), Value::Text("é'%".to_owned()), Value::Integer(3)] };
    let token = page.token(&order);
    assert_eq!(parse_page(&token, &order), Ok(Some(page.clone())));
    assert_eq!(parse_page("", &order), Ok(None));
    let other = parse_order(&["name".to_owned()], Target::Versions).unwrap();
    let encoded = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE, text);
    for (token, order, wanted) in [
        (token.as_str(), &other, "Invalid page token, it belongs to a search with another order_by"),
        ("evilhax", &order, "Invalid page token, could not base64-decode"),
        ("é", &order, "Invalid page token, could not base64-decode"),
        (&encoded("{}"), &order, "Invalid page token, decoded value={}"),
        (&encoded(r#"{"offset": 5}"#), &order, r#"Invalid page token, decoded value={\"offset\": 5}"#),
        (&encoded(r#"{"order":"UnV","after":[1,"a"]}"#), &order, "Invalid page token, its values do not fit"),
        (&encoded(r#"{"order":"UnV","after":[1,2,3]}"#), &order, "Invalid page token, its values do not fit"),
        (&encoded(r#"{"order":"UnV","after":[1,"a\u0000",3]}"#), &order, "Invalid page token, its values do not fit"),
    ] {
        assert_eq!(parse_page(token, order), Err(Bad(wanted.to_owned())), "{token}");
    }
}

#[test]
fn the_size_of_a_page_is_looked_at_first() {
    let query = |target, max_results| Query::new(target, "nonsense", &[], max_results, "evilhax").unwrap_err().0;
    for target in [Target::Models, Target::Versions] {
        for size in [0, -1] {
            assert_eq!(query(target, size), format!("Invalid value for max_results. It must be a positive integer, but got {size}"));
        }
    }
    for (target, most) in [(Target::Models, 1_000), (Target::Versions, 200_000)] {
        let message = format!("Invalid value for request parameter max_results. It must be at most {most}, but got value {}", most + 1);
        assert_eq!(query(target, most + 1), message);
        assert_eq!(query(target, most), "Invalid clause(s) in filter string: nonsense");
        assert_eq!(Query::new(target, "", &["x y".to_owned()], 1, "evilhax").unwrap_err().0, "Invalid ordering key in order_by clause 'x y'.");
        assert_eq!(Query::new(target, "", &[], 1, "evilhax").unwrap_err().0, "Invalid page token, could not base64-decode");
    }
}
