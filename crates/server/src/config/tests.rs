use std::collections::BTreeSet;

use super::*;

/// A configuration in which everything is set.
fn full() -> Config {
    let issuer = WorkloadIssuer {
        issuer: "https://token.actions.githubusercontent.com".to_owned(),
        audience: "https://registry.example.com".to_owned(),
        shape: chancery_core::identity::Shape::Github,
        algorithms: vec![crate::app::jwt::Algorithm::Rs256],
        jwks_file: None,
        jwks_uri: Some("https://token.actions.githubusercontent.com/.well-known/jwks".to_owned()),
    };
    let local = WorkloadIssuer { jwks_file: Some("jwks.json".into()), jwks_uri: None, ..issuer.clone() };
    let token = Pkcs11 { module: "/usr/lib/p11.so".into(), token_label: "t".to_owned(), key_label: "k".to_owned(), pin_file: "/run/pin".into() };
    Config {
        data: Some("data".into()),
        public_url: Some("https://registry.example.com".to_owned()),
        policy_mode: Some(PolicyMode::Enforce),
        database: Database { file: Some("db".into()) },
        listen: Listen { trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()], ..Listen::default() },
        tls: Some(Tls { certificate: "c".into(), key: "k".into() }),
        limits: Limits::default(),
        rate: Rate::default(),
        workload_issuers: vec![issuer, local],
        keys: Keys { decision: KeySource { pkcs11: Some(token.clone()) }, checkpoint: KeySource { pkcs11: Some(token) } },
        login: LoginConfig {
            issuer: Some("https://idp.example.com".to_owned()),
            client_id: "chancery".to_owned(),
            client_secret_file: Some("secret".into()),
            ..LoginConfig::default()
        },
    }
}

/// Every key of a table, with dots; a table in an array is named once.
fn keys(prefix: &str, value: &toml::Value, found: &mut BTreeSet<String>) {
    if let toml::Value::Table(table) = value {
        for (name, value) in table {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            keys(&path, value, found);
        }
    } else if let Some(items) = value.as_array().filter(|items| items.iter().any(toml::Value::is_table)) {
        items.iter().for_each(|item| keys(prefix, item, found));
    } else {
        found.insert(prefix.to_owned());
    }
}

#[test]
fn every_key_is_in_the_documentation_and_nothing_else_is() {
    let mut expected = BTreeSet::new();
    keys("", &toml::Value::try_from(full()).unwrap(), &mut expected);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(key, _)| key.to_owned()));
    let listed: BTreeSet<String> = rows.filter(|key| !key.starts_with('-')).collect();
    assert_eq!(listed, expected);
}

#[test]
fn what_is_written_is_read_again() {
    let text = toml::to_string(&full()).unwrap();
    assert_eq!(Config::parse(&text), Ok(full()));
    assert_eq!(Config::parse(""), Ok(Config::default()));
    assert_eq!(Config::default().check(), Ok(()));
    assert_eq!(full().check(), Ok(()));
}

#[test]
fn what_is_wrong_is_named() {
    for (text, expected) in [
        ("listn = 1", "unknown field `listn`"),
        ("\n[limits]\nconections = 1", "unknown field `conections`"),
        ("[limits]\nconnections = \"many\"", "line 2: `limits.connections`: invalid type: string \"many\", expected usize"),
        ("[listen]\naddress = \"here\"", "`listen.address`: invalid socket address syntax"),
        ("[listen]\ntrusted_proxies = [\"10.0.0.0/33\"]", "`listen.trusted_proxies[0]`: `10.0.0.0/33` is not an address or a network"),
        ("[tls]\nkey = \"k\"", "missing field `certificate`"),
        ("[listen", "line 1: "),
        ("policy_mode = \"lax\"", "line 1: "),
    ] {
        let Invalid(reason) = Config::parse(text).unwrap_err();
        assert!(reason.contains(expected), "{text}: {reason}");
        assert!(!reason.contains('\n'), "{reason}");
    }
}

#[test]
fn values_outside_of_their_range_are_refused_by_name() {
    let refused = |text: &str| Config::parse(text).unwrap().check().unwrap_err().0;
    for (text, expected) in [
        ("public_url = \"registry.example.com\"", "`public_url` is `registry.example.com`, it must be scheme, host and port"),
        ("public_url = \"https://u:p@example.com\"", "`public_url` is"),
        ("public_url = \"https://example.com/x\"", "`public_url` is"),
        ("[limits]\nconnections = 0", "`limits.connections` is 0, it must be from 1 to 1000000"),
        ("[limits]\nheaders = 101", "`limits.headers` is 101, it must be from 16 to 100"),
        ("[limits]\nheader_seconds = 0", "`limits.header_seconds` is 0"),
        ("[login]\nidle_minutes = 0", "`login.idle_minutes` is 0"),
        ("[login]\nissuer = \"https://idp\"", "`login.client_id` is missing"),
        ("[login]\nissuer = \"https://idp\"\nclient_id = \"x\"", "`login.issuer` needs `public_url`"),
        ("public_url = \"https://x\"\n[login]\nissuer = \"http://idp\"\nclient_id = \"x\"", "`login.issuer`: "),
        ("[rate]\nactor_burst = 0", "`rate.actor_burst` is 0"),
        ("[listen]\naddress = \"0.0.0.0:80\"", "`listen.address` is 0.0.0.0:80, which other machines reach, and connections are not encrypted"),
        ("[keys.decision.pkcs11]\nmodule = \"p11.so\"\ntoken_label = \"t\"\nkey_label = \"k\"\npin_file = \"p\"", "`keys.decision.pkcs11.module` is `p11.so`"),
        (
            "[keys.decision.pkcs11]\nmodule = \"/p11.so\"\ntoken_label = \"\"\nkey_label = \"k\"\npin_file = \"p\"",
            "`keys.decision.pkcs11.token_label` must have",
        ),
    ] {
        assert!(refused(text).starts_with(expected), "{}", refused(text));
    }
    for text in [
        "[listen]\naddress = \"0.0.0.0:80\"\ninsecure_http = true",
        "[listen]\naddress = \"0.0.0.0:80\"\ntrusted_proxies = [\"10.1.2.3\"]",
        "[listen]\naddress = \"[::1]:80\"",
        "[listen]\naddress = \"0.0.0.0:443\"\n[tls]\ncertificate = \"c\"\nkey = \"k\"",
    ] {
        assert_eq!(Config::parse(text).unwrap().check(), Ok(()), "{text}");
    }
}

#[test]
fn networks_contain_their_addresses() {
    for (network, address, expected) in [
        ("10.0.0.0/8", "10.255.0.1", true),
        ("10.0.0.0/8", "11.0.0.1", false),
        ("10.1.2.3", "10.1.2.3", true),
        ("10.1.2.3", "10.1.2.4", false),
        ("0.0.0.0/0", "1.2.3.4", true),
        ("0.0.0.0/0", "::1", false),
        ("10.0.0.0/8", "::ffff:10.1.1.1", true),
        ("2001:db8::/32", "2001:db8:1::1", true),
        ("2001:db8::/32", "2001:db9::1", false),
        ("::/0", "2001:db9::1", true),
    ] {
        let network: Network = network.parse().unwrap();
        assert_eq!(network.contains(address.parse().unwrap()), expected, "{network:?} {address}");
    }
    for bad in ["", "10.0.0.0/", "10.0.0.0/x", "10.0.0.0/-1", "::/129", "host", "10.0.0.0/8/8"] {
        assert!(bad.parse::<Network>().is_err(), "{bad}");
    }
}
