CREATE TABLE head (id INTEGER PRIMARY KEY, size INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
INSERT INTO head (id, size, at) VALUES (1, 0, 0);
CREATE TABLE "entries" (
    "entry_index" INTEGER NOT NULL,
    "bytes" BLOB,
    "leaf_hash" BLOB,
    "subject" TEXT,
    "request" TEXT,
    PRIMARY KEY ("entry_index")
) STRICT;
CREATE INDEX "entries_by_subject" ON "entries" ("subject", "entry_index");
CREATE UNIQUE INDEX "entries_by_request" ON "entries" ("request");
CREATE TABLE "payloads" (
    "digest" TEXT NOT NULL,
    "bytes" BLOB,
    PRIMARY KEY ("digest")
) STRICT, WITHOUT ROWID;
CREATE TABLE "tiles" (
    "level" INTEGER NOT NULL,
    "tile_index" INTEGER NOT NULL,
    "hashes" BLOB,
    "root" BLOB,
    PRIMARY KEY ("level", "tile_index")
) STRICT, WITHOUT ROWID;
CREATE TABLE "checkpoints" (
    "size" INTEGER NOT NULL,
    "note" TEXT,
    "at" INTEGER,
    PRIMARY KEY ("size")
) STRICT;
CREATE TABLE "models" (
    "model_id" TEXT NOT NULL,
    "name" TEXT,
    "name_folded" TEXT,
    "kind" TEXT,
    "profile" TEXT,
    "risk_tier" TEXT,
    "tier_index" INTEGER,
    "policy_mode" TEXT,
    "access_class" TEXT,
    "hidden" INTEGER,
    "last_number" INTEGER,
    "last_semver" TEXT,
    "created_index" INTEGER,
    "created_at" INTEGER,
    "created_by" TEXT,
    "last_updated_at" INTEGER,
    "updated_at" INTEGER,
    "revision" INTEGER,
    PRIMARY KEY ("model_id")
) STRICT, WITHOUT ROWID;
CREATE INDEX "models_by_name" ON "models" ("name");
CREATE INDEX "models_by_class" ON "models" ("access_class", "name");
CREATE INDEX "models_by_update" ON "models" ((last_updated_at / 1000), "name");
CREATE TABLE "access_classes" (
    "class" TEXT NOT NULL,
    PRIMARY KEY ("class")
) STRICT, WITHOUT ROWID;
CREATE TABLE "tier_proposals" (
    "model_id" TEXT NOT NULL,
    "risk_tier" TEXT,
    "reason" TEXT,
    "proposed_by" TEXT,
    "proposed_at" INTEGER,
    "entry_index" INTEGER,
    PRIMARY KEY ("model_id")
) STRICT, WITHOUT ROWID;
CREATE TABLE "transfer_proposals" (
    "model_id" TEXT NOT NULL,
    "from_team" TEXT,
    "to_team" TEXT,
    "reason" TEXT,
    "proposed_by" TEXT,
    "proposed_at" INTEGER,
    "entry_index" INTEGER,
    PRIMARY KEY ("model_id")
) STRICT, WITHOUT ROWID;
CREATE INDEX "transfer_proposals_by_entry" ON "transfer_proposals" ("entry_index");
CREATE TABLE "speakers" (
    "entry_index" INTEGER NOT NULL,
    "made_by" TEXT,
    PRIMARY KEY ("entry_index")
) STRICT;
CREATE TABLE "names" (
    "name" TEXT NOT NULL,
    "model_id" TEXT,
    "next_number" INTEGER,
    PRIMARY KEY ("name")
) STRICT, WITHOUT ROWID;
CREATE TABLE "bindings" (
    "name" TEXT NOT NULL,
    "model_id" TEXT NOT NULL,
    "from_index" INTEGER,
    "last_number" INTEGER,
    PRIMARY KEY ("name", "model_id")
) STRICT, WITHOUT ROWID;
CREATE INDEX "bindings_by_model" ON "bindings" ("model_id");
CREATE TABLE "versions" (
    "model_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "semver" TEXT,
    "state" TEXT,
    "content_digest" TEXT,
    "facts_digest" TEXT,
    "version_digest" TEXT,
    "files" INTEGER,
    "size" INTEGER,
    "description" TEXT,
    "source" TEXT,
    "run_id" TEXT,
    "run_link" TEXT,
    "held" INTEGER,
    "hidden" INTEGER,
    "ungated" INTEGER,
    "shared" INTEGER,
    "pinned" INTEGER,
    "production_index" INTEGER,
    "successor" INTEGER,
    "sunset" INTEGER,
    "registered_index" INTEGER,
    "registered_at" INTEGER,
    "registered_by" TEXT,
    "attached_by" TEXT,
    "attached_index" INTEGER,
    "last_updated_at" INTEGER,
    "updated_at" INTEGER,
    "revision" INTEGER,
    PRIMARY KEY ("model_id", "number")
) STRICT, WITHOUT ROWID;
CREATE INDEX "versions_by_update" ON "versions" ((last_updated_at / 1000));
CREATE INDEX "versions_of_model_by_update" ON "versions" ("model_id", (last_updated_at / 1000), "number");
CREATE INDEX "versions_by_registration" ON "versions" ((registered_at / 1000));
CREATE INDEX "versions_by_number" ON "versions" ("number");
CREATE INDEX "versions_by_run" ON "versions" ((lower(substr(run_id, 1, 100))));
CREATE INDEX "versions_by_source" ON "versions" ((lower(substr(source, 1, 100))));
CREATE INDEX "versions_by_digest" ON "versions" ("version_digest");
CREATE INDEX "versions_by_state" ON "versions" ("model_id", "state", "hidden", "number");
CREATE TABLE "semvers" (
    "model_id" TEXT NOT NULL,
    "semver" TEXT NOT NULL,
    "number" INTEGER,
    PRIMARY KEY ("model_id", "semver")
) STRICT, WITHOUT ROWID;
CREATE TABLE "blob_uses" (
    "digest" TEXT NOT NULL,
    "model_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "path" TEXT NOT NULL,
    PRIMARY KEY ("digest", "model_id", "number", "path")
) STRICT, WITHOUT ROWID;
CREATE TABLE "compositions" (
    "model_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "depth" INTEGER,
    "components" INTEGER,
    PRIMARY KEY ("model_id", "number")
) STRICT, WITHOUT ROWID;
CREATE TABLE "components" (
    "model_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "role" TEXT NOT NULL,
    "part_model" TEXT NOT NULL,
    "part_number" INTEGER NOT NULL,
    "version_digest" TEXT,
    PRIMARY KEY ("model_id", "number", "role", "part_model", "part_number")
) STRICT, WITHOUT ROWID;
CREATE INDEX "components_by_part" ON "components" ("part_model");
CREATE TABLE "lineage" (
    "model_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "source" TEXT NOT NULL,
    "place" INTEGER NOT NULL,
    "relation" TEXT,
    "to_model" TEXT,
    "to_number" INTEGER,
    "name" TEXT,
    "version" TEXT,
    "digest" TEXT,
    "detail" TEXT,
    "grade" TEXT,
    PRIMARY KEY ("model_id", "number", "source", "place")
) STRICT, WITHOUT ROWID;
CREATE INDEX "lineage_by_part" ON "lineage" ("to_model", "to_number", "model_id", "number");
CREATE INDEX "lineage_by_name" ON "lineage" ("relation", (substr(name, 1, 200)), "model_id", "number");
CREATE INDEX "lineage_by_digest" ON "lineage" ("digest", "model_id", "number");
CREATE TABLE "environments" (
    "environment" TEXT NOT NULL,
    "packages" INTEGER,
    PRIMARY KEY ("environment")
) STRICT, WITHOUT ROWID;
CREATE TABLE "packages" (
    "environment" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    PRIMARY KEY ("environment", "name", "version")
) STRICT, WITHOUT ROWID;
CREATE INDEX "packages_by_name" ON "packages" ("name", "version");
CREATE TABLE "aliases" (
    "model_id" TEXT NOT NULL,
    "alias" TEXT NOT NULL,
    "number" INTEGER,
    "revision" INTEGER,
    PRIMARY KEY ("model_id", "alias")
) STRICT, WITHOUT ROWID;
CREATE INDEX "aliases_by_version" ON "aliases" ("model_id", "number");
CREATE TABLE "tags" (
    "model_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "key" TEXT NOT NULL,
    "value" TEXT,
    "revision" INTEGER,
    PRIMARY KEY ("model_id", "number", "key")
) STRICT, WITHOUT ROWID;
CREATE INDEX "tags_by_key" ON "tags" ("key", (CASE WHEN number > 0 THEN 1 ELSE 0 END), (lower(substr(value, 1, 100))), (lower(model_id)), "model_id", "number");
CREATE TABLE "evidence" (
    "model_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "digest" TEXT NOT NULL,
    "evidence_type" TEXT,
    "grade" TEXT,
    "binds_to" TEXT,
    "binds_digest" TEXT,
    "title" TEXT,
    "size" INTEGER,
    "in_payloads" INTEGER,
    "format" TEXT,
    "summary" TEXT,
    "role" TEXT,
    "signed_by" TEXT,
    "actor" TEXT,
    "at" INTEGER,
    "entry_index" INTEGER,
    PRIMARY KEY ("model_id", "number", "digest")
) STRICT, WITHOUT ROWID;
CREATE TABLE "promotions" (
    "promotion_id" TEXT NOT NULL,
    "model_id" TEXT,
    "number" INTEGER,
    "target" TEXT,
    "environment" TEXT,
    "status" TEXT,
    "evidence_set" TEXT,
    "risk_tier" TEXT,
    "tier_index" INTEGER,
    "opened_by" TEXT,
    "opened_at" INTEGER,
    "opened_index" INTEGER,
    "opened_run" TEXT,
    "executed_run" TEXT,
    "verdict" TEXT,
    "missing" TEXT,
    "decision" TEXT,
    "completed" INTEGER,
    "conditions" INTEGER,
    "comments" INTEGER,
    "revision" INTEGER,
    PRIMARY KEY ("promotion_id")
) STRICT, WITHOUT ROWID;
CREATE INDEX "promotions_by_version" ON "promotions" ("model_id", "number");
CREATE INDEX "promotions_by_status" ON "promotions" ("status", "opened_index");
CREATE TABLE "open_promotions" (
    "model_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "target" TEXT NOT NULL,
    "promotion_id" TEXT,
    PRIMARY KEY ("model_id", "number", "target")
) STRICT, WITHOUT ROWID;
CREATE TABLE "approvals" (
    "promotion_id" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "actor" TEXT NOT NULL,
    "delegated_by" TEXT,
    "through" TEXT,
    "verdict" TEXT,
    "version_digest" TEXT,
    "target" TEXT,
    "environment" TEXT,
    "risk_tier" TEXT,
    "tier_index" INTEGER,
    "evidence_set" TEXT,
    "ticket" TEXT,
    "conditions" TEXT,
    "envelope" TEXT,
    "signed_with" TEXT,
    "at" INTEGER,
    "expires_at" INTEGER,
    "withdrawn" INTEGER,
    "entry_index" INTEGER,
    PRIMARY KEY ("promotion_id", "role", "actor")
) STRICT, WITHOUT ROWID;
CREATE TABLE "conditions" (
    "promotion_id" TEXT NOT NULL,
    "condition_number" INTEGER NOT NULL,
    "model_id" TEXT,
    "number" INTEGER,
    "role" TEXT,
    "actor" TEXT,
    "approval_index" INTEGER,
    "text" TEXT,
    "owner" TEXT,
    "due" INTEGER,
    "effect" TEXT,
    "binding_index" INTEGER,
    "met_at" INTEGER,
    "met_by" TEXT,
    "note" TEXT,
    PRIMARY KEY ("promotion_id", "condition_number")
) STRICT, WITHOUT ROWID;
CREATE INDEX "conditions_by_model" ON "conditions" ("model_id", "binding_index");
CREATE INDEX "conditions_by_due" ON "conditions" ("due");
CREATE TABLE "comments" (
    "promotion_id" TEXT NOT NULL,
    "comment_number" INTEGER NOT NULL,
    "actor" TEXT,
    "at" INTEGER,
    "text" TEXT,
    PRIMARY KEY ("promotion_id", "comment_number")
) STRICT, WITHOUT ROWID;
CREATE TABLE "delegations" (
    "giver" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "delegate" TEXT NOT NULL,
    "until" INTEGER,
    "reason" TEXT,
    "given_at" INTEGER,
    "ended_at" INTEGER,
    "entry_index" INTEGER,
    PRIMARY KEY ("giver", "role", "delegate")
) STRICT, WITHOUT ROWID;
CREATE INDEX "delegations_by_delegate" ON "delegations" ("delegate");
CREATE INDEX "delegations_by_entry" ON "delegations" ("entry_index");
CREATE TABLE "decisions" (
    "digest" TEXT NOT NULL,
    "decision_id" TEXT,
    "decision" TEXT,
    "promotion_id" TEXT,
    "model_id" TEXT,
    "number" INTEGER,
    "target" TEXT,
    "environment" TEXT,
    "expires_at" INTEGER,
    "entry_index" INTEGER,
    PRIMARY KEY ("digest")
) STRICT, WITHOUT ROWID;
CREATE INDEX "decisions_by_version" ON "decisions" ("model_id", "number");
CREATE TABLE "exceptions" (
    "exception_id" TEXT NOT NULL,
    "rule" TEXT,
    "scope" TEXT,
    "model_id" TEXT,
    "number" INTEGER,
    "origin" TEXT,
    "status" TEXT,
    "reason" TEXT,
    "requested_by" TEXT,
    "requested_at" INTEGER,
    "granted_by" TEXT,
    "granted_at" INTEGER,
    "role" TEXT,
    "expires_at" INTEGER,
    "promotion_id" TEXT,
    "review_due" INTEGER,
    "entry_index" INTEGER,
    "revision" INTEGER,
    PRIMARY KEY ("exception_id")
) STRICT, WITHOUT ROWID;
CREATE INDEX "exceptions_by_version" ON "exceptions" ("model_id", "number");
CREATE UNIQUE INDEX "exceptions_by_request" ON "exceptions" ("entry_index");
CREATE INDEX "exceptions_by_promotion" ON "exceptions" ("promotion_id");
CREATE TABLE "risks" (
    "risk_id" TEXT NOT NULL,
    "title" TEXT,
    "category" TEXT,
    "severity" TEXT,
    "likelihood" TEXT,
    "level" TEXT,
    "description" TEXT,
    "requirements" TEXT,
    "review_date" INTEGER,
    "status" TEXT,
    "mitigations" TEXT,
    "models" TEXT,
    "authors" TEXT,
    "behind" TEXT,
    "decided_by" TEXT,
    "created_by" TEXT,
    "created_at" INTEGER,
    "created_index" INTEGER,
    "updated_at" INTEGER,
    "revision" INTEGER,
    PRIMARY KEY ("risk_id")
) STRICT, WITHOUT ROWID;
CREATE INDEX "risks_by_creation" ON "risks" ("created_index");
CREATE TABLE "risk_links" (
    "model_id" TEXT NOT NULL,
    "risk_id" TEXT NOT NULL,
    "entry_index" INTEGER,
    PRIMARY KEY ("model_id", "risk_id")
) STRICT, WITHOUT ROWID;
CREATE INDEX "risk_links_by_risk" ON "risk_links" ("risk_id");
CREATE TABLE "reviews" (
    "review_id" TEXT NOT NULL,
    "about" TEXT,
    "subject" TEXT,
    "model_id" TEXT,
    "owner" TEXT,
    "due" INTEGER,
    "every_days" INTEGER,
    "cause" TEXT,
    "not_by" TEXT,
    "reason" TEXT,
    "status" TEXT,
    "outcome" TEXT,
    "note" TEXT,
    "done_by" TEXT,
    "done_at" INTEGER,
    "scheduled_by" TEXT,
    "scheduled_at" INTEGER,
    "scheduled_index" INTEGER,
    "revision" INTEGER,
    PRIMARY KEY ("review_id")
) STRICT, WITHOUT ROWID;
CREATE INDEX "reviews_by_due" ON "reviews" ("status", "due", "review_id");
CREATE INDEX "reviews_by_model" ON "reviews" ("model_id", "status");
CREATE INDEX "reviews_by_subject" ON "reviews" ("subject");
CREATE TABLE "review_causes" (
    "cause" TEXT NOT NULL,
    "review_id" TEXT,
    PRIMARY KEY ("cause")
) STRICT, WITHOUT ROWID;
CREATE TABLE "findings" (
    "subject" TEXT NOT NULL,
    "rule" TEXT NOT NULL,
    "model_id" TEXT,
    "message" TEXT,
    "due" INTEGER,
    "status" TEXT,
    "reason" TEXT,
    "opened_at" INTEGER,
    "opened_index" INTEGER,
    "closed_at" INTEGER,
    "closed_index" INTEGER,
    PRIMARY KEY ("subject", "rule")
) STRICT, WITHOUT ROWID;
CREATE INDEX "findings_by_status" ON "findings" ("status", "opened_index");
CREATE INDEX "findings_by_model" ON "findings" ("model_id");
CREATE TABLE "templates" (
    "name" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "evidence_type" TEXT,
    "text" TEXT,
    "sections" TEXT,
    "status" TEXT,
    "added_by" TEXT,
    "added_at" INTEGER,
    "approved_by" TEXT,
    "approved_at" INTEGER,
    "revision" INTEGER,
    PRIMARY KEY ("name", "version")
) STRICT, WITHOUT ROWID;
CREATE TABLE "template_names" (
    "name" TEXT NOT NULL,
    "evidence_type" TEXT,
    "latest" INTEGER,
    "in_force" INTEGER,
    PRIMARY KEY ("name")
) STRICT, WITHOUT ROWID;
CREATE TABLE "actors" (
    "actor_id" TEXT NOT NULL,
    "kind" TEXT,
    "roles" TEXT,
    "active" INTEGER,
    "erased_index" INTEGER,
    "created_index" INTEGER,
    "revision" INTEGER,
    PRIMARY KEY ("actor_id")
) STRICT, WITHOUT ROWID;
CREATE TABLE "grant_proposals" (
    "actor_id" TEXT NOT NULL,
    "roles" TEXT,
    "proposed_by" TEXT,
    "proposed_at" INTEGER,
    "entry_index" INTEGER,
    PRIMARY KEY ("actor_id")
) STRICT, WITHOUT ROWID;
CREATE INDEX "grant_proposals_by_entry" ON "grant_proposals" ("entry_index");
CREATE TABLE "teams" (
    "team" TEXT NOT NULL,
    "description" TEXT,
    "members" INTEGER,
    "models" INTEGER,
    "dissolved" INTEGER,
    "created_index" INTEGER,
    "revision" INTEGER,
    PRIMARY KEY ("team")
) STRICT, WITHOUT ROWID;
CREATE TABLE "team_members" (
    "team" TEXT NOT NULL,
    "actor_id" TEXT NOT NULL,
    "added_at" INTEGER,
    "entry_index" INTEGER,
    PRIMARY KEY ("team", "actor_id")
) STRICT, WITHOUT ROWID;
CREATE INDEX "team_members_by_actor" ON "team_members" ("actor_id");
CREATE TABLE "access_anchors" (
    "day" TEXT NOT NULL,
    "count" INTEGER,
    "digest" TEXT,
    "anchored_at" INTEGER,
    "entry_index" INTEGER,
    PRIMARY KEY ("day")
) STRICT, WITHOUT ROWID;
CREATE TABLE "actor_keys" (
    "key_id" TEXT NOT NULL,
    "actor_id" TEXT,
    "algorithm" TEXT,
    "spki" TEXT,
    "added_at" INTEGER,
    "added_index" INTEGER,
    "removed_at" INTEGER,
    "removed_index" INTEGER,
    PRIMARY KEY ("key_id")
) STRICT, WITHOUT ROWID;
CREATE INDEX "actor_keys_by_actor" ON "actor_keys" ("actor_id");
CREATE TABLE "attestations" (
    "digest" TEXT NOT NULL,
    "model_id" TEXT,
    "number" INTEGER,
    "version_digest" TEXT,
    "target" TEXT,
    "environment" TEXT,
    "issued_at" INTEGER,
    "expires_at" INTEGER,
    "issued_index" INTEGER,
    "revoked" TEXT,
    "revoked_at" INTEGER,
    "revoked_index" INTEGER,
    PRIMARY KEY ("digest")
) STRICT, WITHOUT ROWID;
CREATE INDEX "attestations_by_version" ON "attestations" ("model_id", "number");
CREATE INDEX "attestations_by_revocation" ON "attestations" ("revoked_index");
CREATE TABLE "tokens" (
    "token_id" TEXT NOT NULL,
    "actor_id" TEXT,
    "issued_at" INTEGER,
    "expires_at" INTEGER,
    "valid_seconds" INTEGER,
    "made_by" TEXT,
    "revoked" INTEGER,
    "limits" TEXT,
    "replaced_by" TEXT,
    "identity" TEXT,
    "run" TEXT,
    "created_index" INTEGER,
    "purpose" TEXT,
    PRIMARY KEY ("token_id")
) STRICT, WITHOUT ROWID;
CREATE INDEX "tokens_by_actor" ON "tokens" ("actor_id");
CREATE TABLE "credentials" (
    "secret_hash" TEXT NOT NULL,
    "token_id" TEXT,
    PRIMARY KEY ("secret_hash")
) STRICT, WITHOUT ROWID;
CREATE INDEX "credentials_by_token" ON "credentials" ("token_id");
CREATE TABLE "exchanges" (
    "presented" TEXT NOT NULL,
    "token_id" TEXT,
    PRIMARY KEY ("presented")
) STRICT, WITHOUT ROWID;
CREATE TABLE "workload_identities" (
    "identity_id" TEXT NOT NULL,
    "actor_id" TEXT,
    "issuer" TEXT,
    "audience" TEXT,
    "shape" TEXT,
    "rules" TEXT,
    "added_at" INTEGER,
    "added_index" INTEGER,
    "removed_at" INTEGER,
    PRIMARY KEY ("identity_id")
) STRICT, WITHOUT ROWID;
CREATE INDEX "identities_by_actor" ON "workload_identities" ("actor_id");
CREATE INDEX "identities_by_issuer" ON "workload_identities" ((substr(issuer, 1, 200)));
CREATE TABLE "sign_ins" (
    "actor_id" TEXT NOT NULL,
    "epoch" INTEGER,
    "changed_at" INTEGER,
    PRIMARY KEY ("actor_id")
) STRICT, WITHOUT ROWID;
CREATE TABLE "login_groups" (
    "group_name" TEXT NOT NULL,
    "roles" TEXT,
    "mapped_by" TEXT,
    "mapped_at" INTEGER,
    "revision" INTEGER,
    PRIMARY KEY ("group_name")
) STRICT, WITHOUT ROWID;
CREATE TABLE "group_roles" (
    "actor_id" TEXT NOT NULL,
    "groups" TEXT,
    "roles" TEXT,
    PRIMARY KEY ("actor_id")
) STRICT, WITHOUT ROWID;
CREATE TABLE "settings" (
    "name" TEXT NOT NULL,
    "value" TEXT,
    "revision" INTEGER,
    PRIMARY KEY ("name")
) STRICT, WITHOUT ROWID;
CREATE TABLE "policy_bundles" (
    "digest" TEXT NOT NULL,
    "files" INTEGER,
    "size" INTEGER,
    "status" TEXT,
    "uploaded_by" TEXT,
    "uploaded_at" INTEGER,
    "uploaded_index" INTEGER,
    "effective" TEXT,
    "activated_by" TEXT,
    "activated_at" INTEGER,
    "revision" INTEGER,
    PRIMARY KEY ("digest")
) STRICT, WITHOUT ROWID;
CREATE TABLE "access_policies" (
    "digest" TEXT NOT NULL,
    "policies" INTEGER,
    "status" TEXT,
    "installed_by" TEXT,
    "installed_at" INTEGER,
    "installed_index" INTEGER,
    "activated_by" TEXT,
    "activated_at" INTEGER,
    "revision" INTEGER,
    PRIMARY KEY ("digest")
) STRICT, WITHOUT ROWID;
CREATE TABLE "timeline" (
    "subject" TEXT NOT NULL,
    "attribute" TEXT NOT NULL,
    "to_index" INTEGER NOT NULL,
    "from_index" INTEGER,
    "value" TEXT,
    PRIMARY KEY ("subject", "attribute", "to_index")
) STRICT, WITHOUT ROWID;
CREATE INDEX "timeline_by_value" ON "timeline" ("attribute", (substr(value, 1, 200)), "from_index");
CREATE TABLE "passwords" (
    "actor_id" TEXT NOT NULL,
    "hash" TEXT,
    "reset_hash" TEXT,
    "reset_until" INTEGER,
    "made_by" TEXT,
    "own_from" INTEGER,
    PRIMARY KEY ("actor_id")
) STRICT, WITHOUT ROWID;
CREATE TABLE "login_identities" (
    "identity" TEXT NOT NULL,
    "issuer" TEXT,
    "subject" TEXT,
    "actor_id" TEXT,
    "made_by" TEXT,
    PRIMARY KEY ("identity")
) STRICT, WITHOUT ROWID;
CREATE INDEX "login_identities_by_actor" ON "login_identities" ("actor_id");
CREATE TABLE "directory" (
    "actor_id" TEXT NOT NULL,
    "handle" TEXT,
    "display_name" TEXT,
    PRIMARY KEY ("actor_id")
) STRICT, WITHOUT ROWID;
CREATE TABLE "handles" (
    "handle" TEXT NOT NULL,
    "actor_id" TEXT,
    PRIMARY KEY ("handle")
) STRICT, WITHOUT ROWID;
CREATE TABLE "private_payloads" (
    "digest" TEXT NOT NULL,
    "salt" BLOB,
    "text" TEXT,
    PRIMARY KEY ("digest")
) STRICT, WITHOUT ROWID;
