//! PostgreSQL through TLS: a real server that takes nothing else.

use std::path::Path;

use chancery::store::{Schema, Store, StoreConfig};
use chancery_core::rows::Value;

use crate::support::TestApp;
use crate::support::app::block_on;
use crate::support::postgres;

fn write_pair(folder: &Path, name: &str) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join(format!("{name}.crt")), made.cert.pem()).unwrap();
    std::fs::write(folder.join(format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
}

/// The error of opening a store at an address.
async fn refused(data: &Path, address: &str) -> String {
    let config = StoreConfig { data: data.to_owned(), database: Some(address.to_owned()) };
    match Store::open(config, &Schema::product()).await {
        Ok(_) => panic!("`{address}` was opened"),
        Err(fault) => chancery::fault::chain(&fault),
    }
}

#[test]
fn the_database_is_reached_through_tls_and_proves_who_it_is() {
    let folder = tempfile::tempdir().unwrap();
    write_pair(folder.path(), "own");
    write_pair(folder.path(), "other");
    let file = |name: &str| folder.path().join(name);
    let (port, _server) = postgres::encrypted(&file("own.crt"), &file("own.key"));
    let address = |host: &str, more: &str| format!("postgres://postgres@{host}:{port}/postgres?{more}");
    let rooted = |name: &str| format!("sslmode=verify-full&sslrootcert={}", file(name).display());
    block_on(async {
        let data = folder.path();
        for (address, expected) in [
            (address("localhost", "sslmode=disable"), "no encryption"),
            (address("localhost", ""), "no encryption"),
            (address("localhost", &rooted("other.crt")), "certificate"),
            (address("127.0.0.1", &rooted("own.crt")), "certificate"),
            (address("localhost", &rooted("own.key")), "it holds no certificate"),
            (address("localhost", "sslmode=prefer"), "it must be verify-full, require or disable"),
        ] {
            let said = refused(data, &address).await;
            assert!(said.contains(expected), "{address}: {said}");
        }
        let named = format!("sslrootcert={}", file("own.crt").display());
        for more in ["sslmode=require", &rooted("own.crt"), &named] {
            let config = StoreConfig { data: data.to_owned(), database: Some(address("localhost", more)) };
            let (store, _writer) = Store::open(config, &Schema::product()).await.unwrap();
            let clear = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'chancery' AND NOT ssl";
            assert_eq!(store.query_one_shot(clear, &[]).await.unwrap(), [[Value::Integer(0)]], "{more}");
        }
        // A whole registry on it, with its two kinds of connections.
        let app = TestApp::open(&data.join("data"), Some(&address("localhost", &rooted("own.crt"))), None).await;
        app.team("credit").await;
        app.admin.model("loan", "high").await;
        app.admin.get("/api/v1/models/loan").await.expect(200);
        app.finish().await;
    });
}
