//! Short ways to what most tests begin with: people, models, versions, evidence, promotions.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chancery_core::names::{Digest, Timestamp};
use chancery_core::signing::Envelope;
use serde_json::{Value, json};

use super::TestApp;
use super::client::{Answer, Client};
use crate::key::{key, register};

/// A version that was registered.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) model: String,
    pub(crate) number: u64,
    pub(crate) path: String,
}

/// Everybody whom a promotion of a high-risk model needs.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    pub(crate) scientist: Client,
    pub(crate) platform: Client,
    pub(crate) product: Client,
    pub(crate) security: Client,
    pub(crate) governance: Client,
    pub(crate) owner: Client,
    pub(crate) pipeline: Client,
    pub(crate) auditor: Client,
    clock: Arc<AtomicI64>,
}

impl Cast {
    /// The same people at a registry that was opened again.
    pub(crate) fn at(&self, app: &TestApp) -> Self {
        let at = |client: &Client| client.at(&app.anonymous);
        Self {
            scientist: at(&self.scientist),
            platform: at(&self.platform),
            product: at(&self.product),
            security: at(&self.security),
            governance: at(&self.governance),
            owner: at(&self.owner),
            pipeline: at(&self.pipeline),
            auditor: at(&self.auditor),
            clock: app.clock(),
        }
    }

    /// The approvers with their roles.
    pub(crate) fn approvers(&self) -> [(&'static str, &Client); 4] {
        [("platform", &self.platform), ("product", &self.product), ("security", &self.security), ("ai-governance", &self.governance)]
    }
}

impl TestApp {
    /// A new person with roles.
    pub(crate) async fn user(&self, name: &str, roles: &[&str]) -> Client {
        self.actor(name, "person", roles).await
    }

    /// A new person, pipeline or service with roles.
    pub(crate) async fn actor(&self, name: &str, kind: &str, roles: &[&str]) -> Client {
        self.admin.post("/api/v1/users", json!({"name": name, "kind": kind, "roles": roles})).await.expect(201);
        let token = self.admin.post("/api/v1/tokens", json!({"user": name, "expires_in_days": self.token_days.load(Ordering::SeqCst)})).await.expect(201);
        self.anonymous.with_token(token["secret"].as_str().unwrap())
    }

    /// A new team.
    pub(crate) async fn team(&self, name: &str) {
        self.admin.post("/api/v1/teams", json!({"name": name, "description": "made for a test"})).await.expect(201);
    }

    /// Everybody.
    pub(crate) async fn cast(&self) -> Cast {
        self.team("credit").await;
        let cast = Cast {
            scientist: self.user("scientist", &["contributor"]).await,
            platform: self.user("platform-lead", &["approver:platform"]).await,
            product: self.user("product-owner", &["approver:product"]).await,
            security: self.user("security-lead", &["approver:security"]).await,
            governance: self.user("governance-lead", &["approver:ai-governance"]).await,
            owner: self.user("model-owner", &["owner"]).await,
            pipeline: self.actor("ci", "pipeline", &["deployer"]).await,
            auditor: self.user("model-auditor", &["auditor"]).await,
            clock: self.clock(),
        };
        // What the pipeline signs with.
        register(&self.admin, "ci", &key(PIPELINE_KEY)).await;
        cast
    }
}

/// The whole profile that a high-risk model needs for production.
pub(crate) fn profile() -> Value {
    json!({
        "description": "Says whether a loan may be granted.", "use_case": "credit decisions", "limitations": "1990 data",
        "intended_users": ["loan officers"], "allowed_uses": ["advice"], "prohibited_uses": ["sole decision"], "licence": "Apache-2.0",
        "ownership": {"owning_team": "credit", "owner": "head of credit", "backup_owner": "deputy", "escalation_contact": "oncall", "business_unit": "retail"},
        "risk": {"security_rating": "medium", "mitigation_controls": ["four eyes"], "compliance_status": "assessed", "fairness_tested": true},
        "classification": "internal", "personal_data": true,
    })
}

/// Facts that satisfy the baseline policy.
pub(crate) fn facts() -> Value {
    json!({
        "framework": {"name": "scikit-learn", "version": "1.9.1"},
        "training": {"date": "2026-05-01", "pipeline_run": "88", "hyperparameters": {"C": 1.0}, "code": {"repository": "loans", "commit": "4185f5f1619853e486c07542e26b20c0600c6f7f", "dirty": false}},
        "datasets": [{"role": "training", "name": "loanapp", "version": "1", "digest": "402305268d4abed2c18017bf825d2ced7821bba8c94094a3ee3e8c261f9ebac6"}],
        "signature": {"inputs": [{"name": "x", "type": "double"}], "outputs": [{"type": "long"}]},
        "environment": {"pinned": true, "packages": ["scikit-learn==1.9.1"], "unpinned": []},
        "metrics": [{"name": "auc_roc", "value": 0.81}],
    })
}

/// An evaluation with these two metrics.
pub(crate) fn evaluation(auc: f64, parity: f64) -> Value {
    json!({
        "schema": "chancery.evaluation/v1",
        "suite": {"name": "loans", "version": "1.0.0"},
        "dataset": {"name": "loanapp-test", "digest": "59a2a66f95b8445dde1b11c65aaf1693fbb0374a458036221d49d6bbcbeb2250"},
        "created_at": "2026-05-20T12:00:00Z",
        "dimensions": ["quality", "bias", "robustness", "latency", "cost"],
        "metrics": [{"name": "auc_roc", "value": auc}, {"name": "demographic_parity_ratio", "value": parity}],
    })
}

/// The byte that the key of the pipeline `ci` is made of.
const PIPELINE_KEY: u8 = 101;
/// A model card with what the baseline asks for.
const CARD: &str = "# Loans\n\n## Intended use\n\nFirst sorting of applications by a person.\n\n## Performance\n\nAUC-ROC of 0.81 on the held-out part.\n
## Limitations\n\nData of one city and one year only.\n\n## Ethical considerations\n\nParity between groups is measured for each version.\n";

/// A bill of materials that is about these bytes.
fn bill(content: &str) -> Value {
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6",
        "metadata": {"timestamp": "2026-05-20T12:00:00Z", "component": {"type": "machine-learning-model", "name": "loans", "version": "1", "hashes": [{"alg": "SHA-256", "content": content}]}},
        "components": [{"type": "library", "name": "scikit-learn", "version": "1.9.1", "purl": "pkg:pypi/scikit-learn@1.9.1"}],
    })
}

/// A statement about some bytes that the pipeline signed.
fn signed(kind: &str, content: &str, predicate: &Value) -> String {
    let subject = json!([{"name": "content", "digest": {"sha256": content}}]);
    let statement = json!({"_type": "https://in-toto.io/Statement/v1", "subject": subject, "predicateType": kind, "predicate": predicate});
    let envelope = Envelope::sign_foreign("application/vnd.in-toto+json", statement.to_string().as_bytes(), &key(PIPELINE_KEY)).unwrap();
    serde_json::to_string(&envelope).unwrap()
}

impl Client {
    /// Uploads bytes whole; gives their digest.
    pub(crate) async fn upload(&self, bytes: &[u8]) -> String {
        let digest = Digest::of(bytes).to_string();
        self.call("PUT", &format!("/api/v1/blobs/{digest}")).bytes(bytes).send().await.expect(201);
        digest
    }

    /// Creates a model with a whole profile.
    pub(crate) async fn model(&self, name: &str, tier: &str) -> Answer {
        let mut body = profile();
        body["name"] = name.into();
        body["risk_tier"] = tier.into();
        let answer = self.post("/api/v1/models", body).await;
        answer.expect(201);
        answer
    }

    /// The body that registers one file with these bytes, which it uploads.
    pub(crate) async fn package(&self, bytes: &[u8]) -> Value {
        let digest = self.upload(bytes).await;
        json!({"files": [{"path": "data/model.bin", "size": bytes.len(), "digest": digest}], "facts": facts()})
    }

    /// Registers a version that holds one file with these bytes.
    pub(crate) async fn version(&self, model: &str, bytes: &[u8]) -> Made {
        let body = self.package(bytes).await;
        let answer = self.post(&format!("/api/v1/models/{model}/versions"), body).await;
        answer.expect(201);
        let path = answer.header("location").to_owned();
        let number = path.rsplit('/').next().unwrap().parse().unwrap();
        Made { model: model.to_owned(), number, path }
    }

    /// Adds a JSON document.
    pub(crate) async fn evidence(&self, version: &Made, kind: &str, document: &Value) -> Answer {
        let path = format!("{}/evidence?type={kind}&title={kind}.json", version.path);
        self.call("POST", &path).bytes(document.to_string()).send().await
    }

    /// Asks for a promotion.
    pub(crate) async fn promote(&self, version: &Made, to: &str) -> Answer {
        self.post("/api/v1/promotions", json!({"model": version.model, "version": version.number, "to": to})).await
    }

    /// Gives a verdict on what the promotion shows now.
    pub(crate) async fn verdict(&self, promotion: &str, role: &str, verdict: &str) -> Answer {
        let path = format!("/api/v1/promotions/{promotion}");
        let shown = self.get(&path).await.expect(200);
        self.post(&format!("{path}/approvals"), json!({"role": role, "verdict": verdict, "evidence_set": shown["evidence_set"]})).await
    }

    /// The state of a version.
    pub(crate) async fn state(&self, version: &Made) -> String {
        self.get(&version.path).await.expect(200)["state"].as_str().unwrap().to_owned()
    }
}

impl Cast {
    /// A version of the model as a draft, with a good evaluation and every document that the baseline asks for in the highest tier.
    pub(crate) async fn evaluated(&self, model: &str, bytes: &[u8]) -> Made {
        let made = self.scientist.version(model, bytes).await;
        self.evaluate(&made, &evaluation(0.81, 0.86)).await;
        self.complete(&made).await;
        made
    }

    /// Adds an evaluation that the pipeline signed.
    pub(crate) async fn evaluate(&self, version: &Made, evaluation: &Value) {
        let content = self.content(version).await;
        self.add(version, "evaluation", signed("https://chancery.dev/evidence/evaluation/v1", &content, evaluation)).await;
    }

    /// Adds every document but an evaluation; one that is there already is left as it is.
    pub(crate) async fn complete(&self, version: &Made) {
        let content = self.content(version).await;
        let now = self.now();
        self.scan(version).await;
        let slsa = json!({"buildDefinition": {"buildType": "train", "resolvedDependencies": []}, "runDetails": {"builder": {"id": "https://ci.example.com"}}});
        let documents = [
            ("sbom", bill(&content).to_string()),
            ("provenance", signed("https://slsa.dev/provenance/v1", &content, &slsa)),
            ("model-card", CARD.to_owned()),
            ("vulnerability-report", json!({"results": [], "chancery": {"scanned_at": now, "database_at": now}}).to_string()),
            ("explainability", json!({"method": "values per feature", "scope": "local"}).to_string()),
            ("risk-assessment", json!({"tier": "high", "date": "2026-05-20", "conclusion": "acceptable", "risks": []}).to_string()),
            ("reproducibility", json!({"content_digest": content, "same": true, "builder": "https://ci.example.com/other"}).to_string()),
            (
                "change-summary",
                json!({"summary": "retrained on newer data", "changes": ["data"], "impact": {"severity": "low", "breaking": false}}).to_string(),
            ),
            ("plan", json!({"plan": "rollback", "steps": ["go back to the version before"]}).to_string()),
            (
                "plan",
                json!({"plan": "monitoring", "steps": ["look daily"], "monitors": [{"name": "drift", "address": "https://monitor.example.com"}]}).to_string(),
            ),
        ];
        for (kind, document) in documents {
            self.add(version, kind, document).await;
        }
        let review = json!({"kind": "peer", "verdict": "approve", "notes": "looked at the package"}).to_string();
        let answer = self.platform.call("POST", &format!("{}/evidence?type=review&title=review&role=platform", version.path)).bytes(review).send().await;
        assert!([201, 409].contains(&answer.status), "review: {}", String::from_utf8_lossy(&answer.bytes));
    }

    /// Adds a scan that found nothing in any file.
    pub(crate) async fn scan(&self, version: &Made) {
        let manifest = self.auditor.get(&format!("{}/manifest", version.path)).await.expect(200);
        let clean = |file: &Value| json!({"path": file["path"], "digest": file["digest"], "verdict": "clean"});
        let files: Vec<Value> = manifest["files"].as_array().unwrap().iter().map(clean).collect();
        let scan = json!({"schema": "chancery.scan/v1", "scanner": {"name": "test"}, "verdict": "clean", "scanned_at": self.now(), "files": files});
        self.add(version, "artifact-scan", scan.to_string()).await;
    }

    fn now(&self) -> String {
        Timestamp::from_micros(self.clock.load(Ordering::SeqCst)).to_string()
    }

    async fn add(&self, version: &Made, kind: &str, document: String) {
        let answer = self.scientist.call("POST", &format!("{}/evidence?type={kind}&title={kind}", version.path)).bytes(document).send().await;
        assert!([201, 409].contains(&answer.status), "{kind}: {}", String::from_utf8_lossy(&answer.bytes));
    }

    async fn content(&self, version: &Made) -> String {
        self.auditor.get(&version.path).await.expect(200)["content_digest"].as_str().unwrap().to_owned()
    }

    /// Opens a promotion and gives every approval.
    pub(crate) async fn approved(&self, version: &Made, to: &str) -> String {
        let opened = self.scientist.promote(version, to).await.expect(201);
        let id = opened["promotion"]["id"].as_str().unwrap().to_owned();
        for (role, approver) in self.approvers() {
            if opened["promotion"]["required_roles"].as_array().unwrap().iter().any(|required| required == role) {
                approver.verdict(&id, role, "approve").await.expect(200);
            }
        }
        id
    }

    /// Refreshes the open promotion of a version to production and gives every approval anew; its id.
    pub(crate) async fn approved_again(&self, version: &Made) -> String {
        let refreshed = self.scientist.promote(version, "production").await.expect(200);
        let id = refreshed["promotion"]["id"].as_str().unwrap().to_owned();
        for (role, approver) in self.approvers() {
            approver.verdict(&id, role, "approve").await.expect(200);
        }
        id
    }

    /// Takes a draft with evidence into a state, the ordinary way.
    pub(crate) async fn bring_to(&self, version: &Made, state: &str) {
        match state {
            "draft" => {}
            "candidate" => drop(self.pipeline.promote(version, "candidate").await.expect(201)),
            "approved" | "production" => {
                let id = self.approved(version, state).await;
                self.pipeline.post(&format!("/api/v1/promotions/{id}/execute"), json!({})).await.expect(200);
            }
            other => {
                let path = format!("{}/transitions", version.path);
                self.owner.post(&path, json!({"to": other, "reason": "set-up"})).await.expect(200);
            }
        }
        assert_eq!(self.auditor.state(version).await, state);
    }
}
