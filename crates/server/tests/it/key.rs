//! Public keys of actors: who registers whose, and that a key serves one actor for ever (APR-4, EVD-2).

use chancery_core::signing::{ForeignSigningKey, SigningKey};
use serde_json::json;

use crate::support::Client;
use crate::support::app::both;

/// A P-256 key made of one byte.
pub(crate) fn key(byte: u8) -> ForeignSigningKey {
    ForeignSigningKey::EcdsaP256(SigningKey::from_bytes(&[byte; 32]).unwrap())
}

/// Its public half, SPKI PEM.
pub(crate) fn pem(key: &ForeignSigningKey) -> String {
    key.public_key().to_spki_pem().unwrap()
}

/// Its id.
pub(crate) fn id(key: &ForeignSigningKey) -> String {
    key.public_key().key_id().unwrap().to_string()
}

/// Registers a key.
pub(crate) async fn register(client: &Client, user: &str, key: &ForeignSigningKey) {
    client.post(&format!("/api/v1/users/{user}/keys"), json!({"key": pem(key)})).await.expect(201);
}

/// Written by `ssh-keygen -t ed25519`.
const SSH: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILENtJBZkUSigG+7x994Q2ysa+nFl6pt6W96tYdZhEWv someone@host";

both! {
    async fn a_person_registers_lists_and_removes_a_key(app: &TestApp) {
        let approver = app.user("approver", &["approver:product"]).await;
        let added = approver.post("/api/v1/users/approver/keys", json!({"key": pem(&key(1))})).await;
        assert_eq!((added.status, added.kinds()), (201, vec!["actor.key-added".to_owned()]));
        approver.post("/api/v1/users/approver/keys", json!({"key": SSH})).await.expect(201);
        let listed = approver.get("/api/v1/users/approver/keys").await.expect(200);
        let words: Vec<&str> = listed["items"].as_array().unwrap().iter().map(|item| item["algorithm"].as_str().unwrap()).collect();
        assert_eq!(words, ["ecdsa-p256-sha256", "ed25519"]);
        assert_eq!((listed["items"][0]["id"].as_str(), listed["items"][0]["pem"].as_str()), (Some(id(&key(1)).as_str()), Some(pem(&key(1)).as_str())));
        let page = approver.get("/api/v1/users/approver/keys?limit=1").await.expect(200);
        let next = page["next"].as_str().unwrap();
        let rest = approver.get(&format!("/api/v1/users/approver/keys?limit=1&after={next}")).await.expect(200);
        assert_eq!((rest["items"][0]["algorithm"].as_str(), rest["next"].is_null()), (Some("ed25519"), true));
        let removed = approver.delete(&format!("/api/v1/users/approver/keys/{}", id(&key(1)))).await;
        assert_eq!((removed.status, removed.kinds()), (200, vec!["actor.key-removed".to_owned()]));
        let listed = approver.get("/api/v1/users/approver/keys").await.expect(200);
        assert!(listed["items"][0]["removed_at"].is_string() && listed["items"][1]["removed_at"].is_null());
    }

    async fn nobody_plants_a_key(app: &TestApp) {
        let approver = app.user("approver", &["approver:product"]).await;
        let other = app.user("other", &["approver:security"]).await;
        let pipeline = app.actor("ci", "pipeline", &["contributor"]).await;
        register(&approver, "approver", &key(1)).await;
        register(&app.admin, "ci", &key(2)).await;
        approver.delete(&format!("/api/v1/users/approver/keys/{}", id(&key(1)))).await.expect(200);
        let all = app.anonymous.get("/api/v1/keys").await;
        let own = String::from_utf8(all.bytes).unwrap();
        let (from, to) = (own.find("-----BEGIN").unwrap(), own.find("-----END PUBLIC KEY-----").unwrap() + 24);
        let registry = own.get(from..to).unwrap();
        for (why, who, user, text, expected) in [
            ("an administrator for a person", &app.admin, "approver", pem(&key(3)), "403 separation_of_duties name"),
            ("somebody for another", &other, "approver", pem(&key(3)), "403 access_denied"),
            ("a person for a pipeline", &other, "ci", pem(&key(3)), "403 access_denied"),
            ("a pipeline for itself", &pipeline, "ci", pem(&key(3)), "403 access_denied name"),
            ("a key of a pipeline", &other, "other", pem(&key(2)), "403 separation_of_duties key"),
            ("a removed key of somebody else", &other, "other", pem(&key(1)), "403 separation_of_duties key"),
            ("the key of the registry", &other, "other", registry.to_owned(), "403 separation_of_duties key"),
        ] {
            let answer = who.post(&format!("/api/v1/users/{user}/keys"), json!({"key": text})).await;
            assert_eq!(answer.recorded_problem(), expected, "{why}");
        }
        for (text, expected) in [("x".to_owned(), "422 invalid_field key"), ("-----BEGIN PRIVATE KEY-----".to_owned(), "422 invalid_field key"), ("y".repeat(20_000), "413 too_large key")] {
            assert_eq!(other.post("/api/v1/users/other/keys", json!({"key": text})).await.problem(), expected);
        }
        assert_eq!(other.post("/api/v1/users/nobody/keys", json!({"key": pem(&key(3))})).await.problem(), "404 not_found");
        assert_eq!(other.delete(&format!("/api/v1/users/other/keys/{}", id(&key(9)))).await.problem(), "404 not_found");
        // A lost laptop: an administrator ends the use of a key, which plants nothing.
        register(&other, "other", &key(4)).await;
        app.admin.delete(&format!("/api/v1/users/other/keys/{}", id(&key(4)))).await.expect(200);
    }
}
