//! Random people do random things, and an auditor who reads the entries alone finds nothing that the policy did not allow
//! (LIF-2, APR-2, APR-3, POL-4, POL-5, LIF-8). A failure names its seed: `CHANCERY_SEED=… cargo test --test it random` repeats it.

mod oracle;

use p256::pkcs8::DecodePublicKey as _;
use serde_json::{Value, json};

use self::oracle::{Found, Oracle, check_envelope};
use crate::support::app::{Database, TestApp, block_on};
use crate::support::{Answer, Cast, Client, Made};

/// Steps of one walk.
const STEPS: usize = 260;
/// Seeds of each database.
const SEEDS: u64 = 4;

/// A generator of pseudo-random numbers (SplitMix64): the same walk for the same seed on every machine.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }
}

const MODELS: [(&str, &str); 4] = [("credit", "high"), ("offers", "limited"), ("toy", "minimal"), ("new", "unclassified")];
const ROLES: [&str; 4] = ["platform", "product", "security", "ai-governance"];
const STATES: [&str; 6] = ["draft", "candidate", "approved", "production", "deprecated", "retired"];
const ALIASES: [&str; 5] = ["champion", "challenger", "canary", "stable", "mine"];
const WAIVABLE: [&str; 4] = ["approval.complete", "monitor.linked", "rollback.plan", "tier.permitted"];

/// Everybody, and what they made so far.
struct World<'a> {
    app: &'a TestApp,
    dice: Dice,
    cast: Cast,
    everybody: Vec<Client>,
    oncall: Client,
    versions: Vec<Made>,
    promotions: Vec<String>,
    exceptions: Vec<String>,
    made: usize,
    passed: i64,
}

impl<'a> World<'a> {
    async fn new(app: &'a TestApp, seed: u64) -> Self {
        app.token_days.store(365, std::sync::atomic::Ordering::SeqCst);
        let cast = app.cast().await;
        let oncall = app.user("oncall", &["incident"]).await;
        let second = app.user("second", &["contributor", "approver:product", "approver:security"]).await;
        let stranger = app.user("stranger", &["viewer"]).await;
        let robot = app.actor("robot", "service", &["contributor", "owner"]).await;
        for (name, tier) in MODELS {
            cast.owner.model(name, tier).await;
        }
        let mut everybody = vec![oncall.clone(), second, stranger, robot, app.admin.clone()];
        everybody.extend([&cast.scientist, &cast.owner, &cast.pipeline, &cast.auditor].map(Clone::clone));
        everybody.extend(cast.approvers().map(|(_, approver)| approver.clone()));
        Self { app, dice: Dice(seed), cast, everybody, oncall, versions: Vec::new(), promotions: Vec::new(), exceptions: Vec::new(), made: 0, passed: 0 }
    }

    fn anybody(&mut self) -> Client {
        self.dice.one(&self.everybody).clone()
    }

    fn version(&mut self) -> Made {
        self.dice.one(&self.versions).clone()
    }

    /// One thing that somebody does. Whether it is allowed is for the registry to say; it must only never fail.
    async fn step(&mut self) {
        let weighted: [(usize, Step); 19] = [
            (9, Step::Release),
            (8, Step::Register),
            (8, Step::Complete),
            (4, Step::Evidence),
            (14, Step::Promote),
            (18, Step::Review),
            (12, Step::ReviewAll),
            (14, Step::Execute),
            (4, Step::Withdraw),
            (2, Step::Cancel),
            (4, Step::Rollback),
            (6, Step::Move),
            (8, Step::Alias),
            (3, Step::Tier),
            (5, Step::Exception),
            (3, Step::Delegation),
            (5, Step::Clock),
            (3, Step::BreakGlass),
            (2, Step::Mode),
        ];
        let total: usize = weighted.iter().map(|(weight, _)| weight).sum();
        let mut left = self.dice.below(total);
        let (_, step) = weighted.into_iter().find(|(weight, _)| {
            let hit = left < *weight;
            left = left.saturating_sub(*weight);
            hit
        }).unwrap();
        if self.versions.is_empty() || (self.promotions.is_empty() && step.needs_promotion()) {
            return self.register().await;
        }
        let answer = match step {
            Step::Register => return self.register().await,
            Step::Complete => {
                let version = self.version();
                return self.cast.complete(&version).await;
            }
            Step::ReviewAll => return self.review_all().await,
            Step::Release => return self.release().await,
            Step::Clock => {
                let seconds = *self.dice.one(&[60, 3_600, 86_400, 7 * 86_400, 40 * 86_400]);
                // The tokens of everybody last a year.
                self.passed += seconds;
                if self.passed < 360 * 86_400 {
                    self.app.advance(seconds);
                }
                return;
            }
            Step::Evidence => self.evidence().await,
            Step::Promote => self.promote().await,
            Step::Review => self.review().await,
            Step::Execute => self.on_promotion("execute", json!({})).await,
            Step::Withdraw => {
                let role = *self.dice.one(&ROLES);
                self.on_promotion("withdraw", json!({"role": role, "reason": "second thoughts"})).await
            }
            Step::Cancel => self.on_promotion("cancel", json!({"reason": "not now"})).await,
            Step::BreakGlass => self.on_promotion("break-glass", json!({"reason": "an incident"})).await,
            Step::Rollback => {
                let who = if self.dice.percent(60) { self.oncall.clone() } else { self.anybody() };
                let (model, _) = *self.dice.one(&MODELS);
                who.post(&format!("/api/v1/models/{model}/rollback"), json!({"reason": "something is wrong"})).await
            }
            Step::Move => self.transition().await,
            Step::Alias => self.alias().await,
            Step::Tier => self.tier().await,
            Step::Exception => self.exception().await,
            Step::Delegation => self.delegation().await,
            Step::Mode => self.mode().await,
        };
        assert!(answer.status < 500, "{step:?}: {} {}", answer.status, String::from_utf8_lossy(&answer.bytes));
    }

    async fn register(&mut self) {
        let (model, _) = *self.dice.one(&MODELS);
        // Sometimes the bytes of another model: whatever was approved for those must not count here.
        self.made += 1;
        let bytes = if self.dice.percent(25) { b"the same bytes".to_vec() } else { format!("bytes {}", self.made).into_bytes() };
        let version = self.cast.scientist.version(model, &bytes).await;
        self.versions.push(version.clone());
        if self.dice.percent(70) {
            self.cast.evaluate(&version, &crate::support::evaluation(0.81, 0.86)).await;
            self.cast.complete(&version).await;
        }
    }

    async fn evidence(&mut self) -> Answer {
        let (who, version) = (self.anybody(), self.version());
        self.made += 1;
        let mut document = crate::support::evaluation(0.8, 0.85);
        document["created_at"] = format!("2026-05-01T00:00:00.{:06}Z", self.made).into();
        who.evidence(&version, "evaluation", &document).await
    }

    async fn promote(&mut self) -> Answer {
        let (who, version) = (self.anybody(), self.version());
        let to = *self.dice.one(&["candidate", "approved", "production", "production"]);
        let answer = who.promote(&version, to).await;
        if answer.status < 300 {
            self.promotions.push(answer.json()["promotion"]["id"].as_str().unwrap().to_owned());
        }
        answer
    }

    async fn review(&mut self) -> Answer {
        let (who, role, id) = (self.anybody(), *self.dice.one(&ROLES), self.dice.one(&self.promotions).clone());
        let verdict = if self.dice.percent(92) { "approve" } else { "reject" };
        who.verdict(&id, role, verdict).await
    }

    /// Everybody who should approve does.
    async fn review_all(&mut self) {
        let id = self.promotions.last().unwrap().clone();
        for (role, approver) in self.cast.approvers() {
            let answer = approver.verdict(&id, role, "approve").await;
            assert!(answer.status < 500, "{}", String::from_utf8_lossy(&answer.bytes));
        }
        if self.dice.percent(60) {
            let answer = self.cast.pipeline.post(&format!("/api/v1/promotions/{id}/execute"), json!({})).await;
            assert!(answer.status < 500, "{}", String::from_utf8_lossy(&answer.bytes));
        }
    }

    /// The ordinary way, from documents to execution, as far as it leads.
    async fn release(&mut self) {
        let version = self.version();
        self.cast.complete(&version).await;
        let answer = self.cast.owner.promote(&version, "production").await;
        assert!(answer.status < 500, "{}", String::from_utf8_lossy(&answer.bytes));
        if answer.status < 300 {
            self.promotions.push(answer.json()["promotion"]["id"].as_str().unwrap().to_owned());
            self.review_all().await;
        }
    }

    async fn on_promotion(&mut self, what: &str, body: Value) -> Answer {
        let (who, id) = (self.anybody(), self.dice.one(&self.promotions).clone());
        who.post(&format!("/api/v1/promotions/{id}/{what}"), body).await
    }

    async fn transition(&mut self) -> Answer {
        let (version, to) = (self.version(), *self.dice.one(&STATES));
        let who = if self.dice.percent(50) { self.cast.owner.clone() } else { self.anybody() };
        who.post(&format!("{}/transitions", version.path), json!({"to": to, "reason": "because"})).await
    }

    async fn alias(&mut self) -> Answer {
        let (who, version, alias) = (self.anybody(), self.version(), *self.dice.one(&ALIASES));
        let path = format!("/api/v1/models/{}/aliases/{alias}", version.model);
        let etag = who.get(&path).await.header("etag").to_owned();
        let call = who.call("PUT", &path).json(&json!({"version": version.number}));
        if etag.is_empty() { call.send().await } else { call.header("if-match", &etag).send().await }
    }

    async fn tier(&mut self) -> Answer {
        let (who, (model, _)) = (self.anybody(), *self.dice.one(&MODELS));
        let tier = *self.dice.one(&["minimal", "limited", "high", "unclassified"]);
        who.post(&format!("/api/v1/models/{model}/risk-tier"), json!({"risk_tier": tier, "reason": "looked at it again"})).await
    }

    async fn exception(&mut self) -> Answer {
        let who = self.anybody();
        if let Some(id) = self.exceptions.last().cloned()
            && self.dice.percent(60)
        {
            let what = *self.dice.one(&["grant", "grant", "refuse", "revoke"]);
            let role = *self.dice.one(&ROLES);
            return who.post(&format!("/api/v1/exceptions/{id}/{what}"), json!({"role": role, "reason": "for now"})).await;
        }
        let (version, rule) = (self.version(), *self.dice.one(&WAIVABLE));
        let body = json!({"rule": rule, "model": version.model, "version": version.number, "reason": "please", "expires_at": "2026-07-01T00:00:00Z"});
        let answer = who.post("/api/v1/exceptions", body).await;
        if answer.status == 201 {
            self.exceptions.push(answer.header("location").rsplit('/').next().unwrap().to_owned());
        }
        answer
    }

    async fn delegation(&mut self) -> Answer {
        let (who, role) = (self.anybody(), *self.dice.one(&ROLES));
        let to = *self.dice.one(&["stranger", "second", "model-owner", "scientist", "product-owner"]);
        who.post("/api/v1/delegations", json!({"role": role, "to": to, "until": "2026-08-01T00:00:00Z", "reason": "on holiday"})).await
    }

    async fn mode(&mut self) -> Answer {
        let (who, (model, _)) = (self.anybody(), *self.dice.one(&MODELS));
        let mode = *self.dice.one(&["enforce", "warn"]);
        who.put(&format!("/api/v1/models/{model}/policy-mode"), json!({"mode": mode, "reason": "a trial"})).await
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Register,
    Complete,
    Release,
    Evidence,
    Promote,
    Review,
    ReviewAll,
    Execute,
    Withdraw,
    Cancel,
    Rollback,
    Move,
    Alias,
    Tier,
    Exception,
    Delegation,
    Clock,
    BreakGlass,
    Mode,
}

impl Step {
    fn needs_promotion(self) -> bool {
        matches!(self, Self::Review | Self::ReviewAll | Self::Execute | Self::Withdraw | Self::Cancel | Self::BreakGlass)
    }
}

/// Every entry, as an auditor reads it.
async fn entries(auditor: &Client) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    let mut after = String::new();
    loop {
        let page = auditor.get(&format!("/api/v1/ledger/entries?limit=500{after}")).await.expect(200);
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    all.sort_by_key(|entry| entry["index"].as_u64());
    all
}

async fn walk(app: &TestApp, seed: u64) -> Found {
    let mut world = World::new(app, seed).await;
    for _ in 0..STEPS {
        world.step().await;
    }
    let found = Oracle::read(&entries(&app.admin).await);
    let pem = String::from_utf8(app.anonymous.get("/api/v1/keys").await.bytes).unwrap();
    let begin = pem.find("-----BEGIN").unwrap();
    let end = pem.find("-----END PUBLIC KEY-----").unwrap() + "-----END PUBLIC KEY-----".len();
    let key = p256::ecdsa::VerifyingKey::from_public_key_pem(&format!("{}\n", &pem[begin..end])).unwrap();
    for (digest, version_digest) in &found.envelopes {
        let envelope = app.admin.get(&format!("/api/v1/decisions/{digest}")).await.expect(200);
        check_envelope(&envelope, &key, version_digest);
    }
    found
}

fn walks(database: Database) {
    let chosen = std::env::var("CHANCERY_SEED").ok().map(|seed| seed.parse().unwrap());
    let seeds: Vec<u64> = chosen.map_or_else(|| (1..=SEEDS).collect(), |seed| vec![seed]);
    let mut total = Found::default();
    for seed in seeds {
        println!("seed {seed}");
        let found = block_on(async {
            let app = TestApp::start(database).await;
            let found = walk(&app, seed).await;
            app.finish().await;
            found
        });
        println!("{found:?}");
        total.releases += found.releases;
        total.rollbacks += found.rollbacks;
        total.aliases += found.aliases;
        total.waived += found.waived;
    }
    // Walks that never get anywhere would prove nothing.
    assert!(total.releases >= 4 && total.aliases >= 2, "the walks did too little: {total:?}");
}

/// LIF-2, APR-2, APR-3, POL-4, POL-5, LIF-8.
#[test]
fn no_walk_reaches_production_without_what_the_policy_asks_on_sqlite() {
    walks(Database::Sqlite);
}

/// The same on PostgreSQL.
#[test]
fn no_walk_reaches_production_without_what_the_policy_asks_on_postgres() {
    walks(Database::Postgres);
}
