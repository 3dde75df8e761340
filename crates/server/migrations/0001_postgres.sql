CREATE TABLE head (id bigint PRIMARY KEY, size bigint NOT NULL, at bigint NOT NULL);
INSERT INTO head (id, size, at) VALUES (1, 0, 0);
CREATE TABLE "entries" (
    "entry_index" bigint NOT NULL,
    "bytes" bytea,
    "leaf_hash" bytea,
    "subject" text COLLATE "C",
    "request" text COLLATE "C",
    PRIMARY KEY ("entry_index")
);
CREATE INDEX "entries_by_subject" ON "entries" ("subject", "entry_index");
CREATE UNIQUE INDEX "entries_by_request" ON "entries" ("request");
CREATE TABLE "payloads" (
    "digest" text COLLATE "C" NOT NULL,
    "bytes" bytea,
    PRIMARY KEY ("digest")
);
CREATE TABLE "tiles" (
    "level" bigint NOT NULL,
    "tile_index" bigint NOT NULL,
    "hashes" bytea,
    "root" bytea,
    PRIMARY KEY ("level", "tile_index")
);
CREATE TABLE "checkpoints" (
    "size" bigint NOT NULL,
    "note" text COLLATE "C",
    "at" bigint,
    PRIMARY KEY ("size")
);
CREATE TABLE "models" (
    "model_id" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C",
    "name_folded" text COLLATE "C",
    "kind" text COLLATE "C",
    "profile" text COLLATE "C",
    "risk_tier" text COLLATE "C",
    "tier_index" bigint,
    "policy_mode" text COLLATE "C",
    "access_class" text COLLATE "C",
    "hidden" bigint,
    "last_number" bigint,
    "last_semver" text COLLATE "C",
    "created_index" bigint,
    "created_at" bigint,
    "created_by" text COLLATE "C",
    "last_updated_at" bigint,
    "updated_at" bigint,
    "revision" bigint,
    PRIMARY KEY ("model_id")
);
CREATE INDEX "models_by_name" ON "models" ("name");
CREATE INDEX "models_by_class" ON "models" ("access_class", "name");
CREATE INDEX "models_by_update" ON "models" ((last_updated_at / 1000), "name");
CREATE TABLE "access_classes" (
    "class" text COLLATE "C" NOT NULL,
    PRIMARY KEY ("class")
);
CREATE TABLE "tier_proposals" (
    "model_id" text COLLATE "C" NOT NULL,
    "risk_tier" text COLLATE "C",
    "reason" text COLLATE "C",
    "proposed_by" text COLLATE "C",
    "proposed_at" bigint,
    "entry_index" bigint,
    PRIMARY KEY ("model_id")
);
CREATE TABLE "transfer_proposals" (
    "model_id" text COLLATE "C" NOT NULL,
    "from_team" text COLLATE "C",
    "to_team" text COLLATE "C",
    "reason" text COLLATE "C",
    "proposed_by" text COLLATE "C",
    "proposed_at" bigint,
    "entry_index" bigint,
    PRIMARY KEY ("model_id")
);
CREATE INDEX "transfer_proposals_by_entry" ON "transfer_proposals" ("entry_index");
CREATE TABLE "speakers" (
    "entry_index" bigint NOT NULL,
    "made_by" text COLLATE "C",
    PRIMARY KEY ("entry_index")
);
CREATE TABLE "names" (
    "name" text COLLATE "C" NOT NULL,
    "model_id" text COLLATE "C",
    "next_number" bigint,
    PRIMARY KEY ("name")
);
CREATE TABLE "bindings" (
    "name" text COLLATE "C" NOT NULL,
    "model_id" text COLLATE "C" NOT NULL,
    "from_index" bigint,
    "last_number" bigint,
    PRIMARY KEY ("name", "model_id")
);
CREATE INDEX "bindings_by_model" ON "bindings" ("model_id");
CREATE TABLE "versions" (
    "model_id" text COLLATE "C" NOT NULL,
    "number" bigint NOT NULL,
    "semver" text COLLATE "C",
    "state" text COLLATE "C",
    "content_digest" text COLLATE "C",
    "facts_digest" text COLLATE "C",
    "version_digest" text COLLATE "C",
    "files" bigint,
    "size" bigint,
    "description" text COLLATE "C",
    "source" text COLLATE "C",
    "run_id" text COLLATE "C",
    "run_link" text COLLATE "C",
    "held" bigint,
    "hidden" bigint,
    "ungated" bigint,
    "shared" bigint,
    "pinned" bigint,
    "production_index" bigint,
    "successor" bigint,
    "sunset" bigint,
    "registered_index" bigint,
    "registered_at" bigint,
    "registered_by" text COLLATE "C",
    "attached_by" text COLLATE "C",
    "attached_index" bigint,
    "last_updated_at" bigint,
    "updated_at" bigint,
    "revision" bigint,
    PRIMARY KEY ("model_id", "number")
);
CREATE INDEX "versions_by_update" ON "versions" ((last_updated_at / 1000));
CREATE INDEX "versions_of_model_by_update" ON "versions" ("model_id", (last_updated_at / 1000), "number");
CREATE INDEX "versions_by_registration" ON "versions" ((registered_at / 1000));
CREATE INDEX "versions_by_number" ON "versions" ("number");
CREATE INDEX "versions_by_run" ON "versions" ((lower(substr(run_id, 1, 100))));
CREATE INDEX "versions_by_source" ON "versions" ((lower(substr(source, 1, 100))));
CREATE INDEX "versions_by_digest" ON "versions" ("version_digest");
CREATE INDEX "versions_by_state" ON "versions" ("model_id", "state", "hidden", "number");
CREATE TABLE "semvers" (
    "model_id" text COLLATE "C" NOT NULL,
    "semver" text COLLATE "C" NOT NULL,
    "number" bigint,
    PRIMARY KEY ("model_id", "semver")
);
CREATE TABLE "blob_uses" (
    "digest" text COLLATE "C" NOT NULL,
    "model_id" text COLLATE "C" NOT NULL,
    "number" bigint NOT NULL,
    "path" text COLLATE "C" NOT NULL,
    PRIMARY KEY ("digest", "model_id", "number", "path")
);
CREATE TABLE "compositions" (
    "model_id" text COLLATE "C" NOT NULL,
    "number" bigint NOT NULL,
    "depth" bigint,
    "components" bigint,
    PRIMARY KEY ("model_id", "number")
);
CREATE TABLE "components" (
    "model_id" text COLLATE "C" NOT NULL,
    "number" bigint NOT NULL,
    "role" text COLLATE "C" NOT NULL,
    "part_model" text COLLATE "C" NOT NULL,
    "part_number" bigint NOT NULL,
    "version_digest" text COLLATE "C",
    PRIMARY KEY ("model_id", "number", "role", "part_model", "part_number")
);
CREATE INDEX "components_by_part" ON "components" ("part_model");
CREATE TABLE "lineage" (
    "model_id" text COLLATE "C" NOT NULL,
    "number" bigint NOT NULL,
    "source" text COLLATE "C" NOT NULL,
    "place" bigint NOT NULL,
    "relation" text COLLATE "C",
    "to_model" text COLLATE "C",
    "to_number" bigint,
    "name" text COLLATE "C",
    "version" text COLLATE "C",
    "digest" text COLLATE "C",
    "detail" text COLLATE "C",
    "grade" text COLLATE "C",
    PRIMARY KEY ("model_id", "number", "source", "place")
);
CREATE INDEX "lineage_by_part" ON "lineage" ("to_model", "to_number", "model_id", "number");
CREATE INDEX "lineage_by_name" ON "lineage" ("relation", (substr(name, 1, 200)), "model_id", "number");
CREATE INDEX "lineage_by_digest" ON "lineage" ("digest", "model_id", "number");
CREATE TABLE "environments" (
    "environment" text COLLATE "C" NOT NULL,
    "packages" bigint,
    PRIMARY KEY ("environment")
);
CREATE TABLE "packages" (
    "environment" text COLLATE "C" NOT NULL,
    "name" text COLLATE "C" NOT NULL,
    "version" text COLLATE "C" NOT NULL,
    PRIMARY KEY ("environment", "name", "version")
);
CREATE INDEX "packages_by_name" ON "packages" ("name", "version");
CREATE TABLE "aliases" (
    "model_id" text COLLATE "C" NOT NULL,
    "alias" text COLLATE "C" NOT NULL,
    "number" bigint,
    "revision" bigint,
    PRIMARY KEY ("model_id", "alias")
);
CREATE INDEX "aliases_by_version" ON "aliases" ("model_id", "number");
CREATE TABLE "tags" (
    "model_id" text COLLATE "C" NOT NULL,
    "number" bigint NOT NULL,
    "key" text COLLATE "C" NOT NULL,
    "value" text COLLATE "C",
    "revision" bigint,
    PRIMARY KEY ("model_id", "number", "key")
);
CREATE INDEX "tags_by_key" ON "tags" ("key", (CASE WHEN number > 0 THEN 1 ELSE 0 END), (lower(substr(value, 1, 100))), (lower(model_id)), "model_id", "number");
CREATE TABLE "evidence" (
    "model_id" text COLLATE "C" NOT NULL,
    "number" bigint NOT NULL,
    "digest" text COLLATE "C" NOT NULL,
    "evidence_type" text COLLATE "C",
    "grade" text COLLATE "C",
    "binds_to" text COLLATE "C",
    "binds_digest" text COLLATE "C",
    "title" text COLLATE "C",
    "size" bigint,
    "in_payloads" bigint,
    "format" text COLLATE "C",
    "summary" text COLLATE "C",
    "role" text COLLATE "C",
    "signed_by" text COLLATE "C",
    "actor" text COLLATE "C",
    "at" bigint,
    "entry_index" bigint,
    PRIMARY KEY ("model_id", "number", "digest")
);
CREATE TABLE "promotions" (
    "promotion_id" text COLLATE "C" NOT NULL,
    "model_id" text COLLATE "C",
    "number" bigint,
    "target" text COLLATE "C",
    "environment" text COLLATE "C",
    "status" text COLLATE "C",
    "evidence_set" text COLLATE "C",
    "risk_tier" text COLLATE "C",
    "tier_index" bigint,
    "opened_by" text COLLATE "C",
    "opened_at" bigint,
    "opened_index" bigint,
    "opened_run" text COLLATE "C",
    "executed_run" text COLLATE "C",
    "verdict" text COLLATE "C",
    "missing" text COLLATE "C",
    "decision" text COLLATE "C",
    "completed" bigint,
    "conditions" bigint,
    "comments" bigint,
    "revision" bigint,
    PRIMARY KEY ("promotion_id")
);
CREATE INDEX "promotions_by_version" ON "promotions" ("model_id", "number");
CREATE INDEX "promotions_by_status" ON "promotions" ("status", "opened_index");
CREATE TABLE "open_promotions" (
    "model_id" text COLLATE "C" NOT NULL,
    "number" bigint NOT NULL,
    "target" text COLLATE "C" NOT NULL,
    "promotion_id" text COLLATE "C",
    PRIMARY KEY ("model_id", "number", "target")
);
CREATE TABLE "approvals" (
    "promotion_id" text COLLATE "C" NOT NULL,
    "role" text COLLATE "C" NOT NULL,
    "actor" text COLLATE "C" NOT NULL,
    "delegated_by" text COLLATE "C",
    "through" text COLLATE "C",
    "verdict" text COLLATE "C",
    "version_digest" text COLLATE "C",
    "target" text COLLATE "C",
    "environment" text COLLATE "C",
    "risk_tier" text COLLATE "C",
    "tier_index" bigint,
    "evidence_set" text COLLATE "C",
    "ticket" text COLLATE "C",
    "conditions" text COLLATE "C",
    "envelope" text COLLATE "C",
    "signed_with" text COLLATE "C",
    "at" bigint,
    "expires_at" bigint,
    "withdrawn" bigint,
    "entry_index" bigint,
    PRIMARY KEY ("promotion_id", "role", "actor")
);
CREATE TABLE "conditions" (
    "promotion_id" text COLLATE "C" NOT NULL,
    "condition_number" bigint NOT NULL,
    "model_id" text COLLATE "C",
    "number" bigint,
    "role" text COLLATE "C",
    "actor" text COLLATE "C",
    "approval_index" bigint,
    "text" text COLLATE "C",
    "owner" text COLLATE "C",
    "due" bigint,
    "effect" text COLLATE "C",
    "binding_index" bigint,
    "met_at" bigint,
    "met_by" text COLLATE "C",
    "note" text COLLATE "C",
    PRIMARY KEY ("promotion_id", "condition_number")
);
CREATE INDEX "conditions_by_model" ON "conditions" ("model_id", "binding_index");
CREATE INDEX "conditions_by_due" ON "conditions" ("due");
CREATE TABLE "comments" (
    "promotion_id" text COLLATE "C" NOT NULL,
    "comment_number" bigint NOT NULL,
    "actor" text COLLATE "C",
    "at" bigint,
    "text" text COLLATE "C",
    PRIMARY KEY ("promotion_id", "comment_number")
);
CREATE TABLE "delegations" (
    "giver" text COLLATE "C" NOT NULL,
    "role" text COLLATE "C" NOT NULL,
    "delegate" text COLLATE "C" NOT NULL,
    "until" bigint,
    "reason" text COLLATE "C",
    "given_at" bigint,
    "ended_at" bigint,
    "entry_index" bigint,
    PRIMARY KEY ("giver", "role", "delegate")
);
CREATE INDEX "delegations_by_delegate" ON "delegations" ("delegate");
CREATE INDEX "delegations_by_entry" ON "delegations" ("entry_index");
CREATE TABLE "decisions" (
    "digest" text COLLATE "C" NOT NULL,
    "decision_id" text COLLATE "C",
    "decision" text COLLATE "C",
    "promotion_id" text COLLATE "C",
    "model_id" text COLLATE "C",
    "number" bigint,
    "target" text COLLATE "C",
    "environment" text COLLATE "C",
    "expires_at" bigint,
    "entry_index" bigint,
    PRIMARY KEY ("digest")
);
CREATE INDEX "decisions_by_version" ON "decisions" ("model_id", "number");
CREATE TABLE "exceptions" (
    "exception_id" text COLLATE "C" NOT NULL,
    "rule" text COLLATE "C",
    "scope" text COLLATE "C",
    "model_id" text COLLATE "C",
    "number" bigint,
    "origin" text COLLATE "C",
    "status" text COLLATE "C",
    "reason" text COLLATE "C",
    "requested_by" text COLLATE "C",
    "requested_at" bigint,
    "granted_by" text COLLATE "C",
    "granted_at" bigint,
    "role" text COLLATE "C",
    "expires_at" bigint,
    "promotion_id" text COLLATE "C",
    "review_due" bigint,
    "entry_index" bigint,
    "revision" bigint,
    PRIMARY KEY ("exception_id")
);
CREATE INDEX "exceptions_by_version" ON "exceptions" ("model_id", "number");
CREATE UNIQUE INDEX "exceptions_by_request" ON "exceptions" ("entry_index");
CREATE INDEX "exceptions_by_promotion" ON "exceptions" ("promotion_id");
CREATE TABLE "risks" (
    "risk_id" text COLLATE "C" NOT NULL,
    "title" text COLLATE "C",
    "category" text COLLATE "C",
    "severity" text COLLATE "C",
    "likelihood" text COLLATE "C",
    "level" text COLLATE "C",
    "description" text COLLATE "C",
    "requirements" text COLLATE "C",
    "review_date" bigint,
    "status" text COLLATE "C",
    "mitigations" text COLLATE "C",
    "models" text COLLATE "C",
    "authors" text COLLATE "C",
    "behind" text COLLATE "C",
    "decided_by" text COLLATE "C",
    "created_by" text COLLATE "C",
    "created_at" bigint,
    "created_index" bigint,
    "updated_at" bigint,
    "revision" bigint,
    PRIMARY KEY ("risk_id")
);
CREATE INDEX "risks_by_creation" ON "risks" ("created_index");
CREATE TABLE "risk_links" (
    "model_id" text COLLATE "C" NOT NULL,
    "risk_id" text COLLATE "C" NOT NULL,
    "entry_index" bigint,
    PRIMARY KEY ("model_id", "risk_id")
);
CREATE INDEX "risk_links_by_risk" ON "risk_links" ("risk_id");
CREATE TABLE "reviews" (
    "review_id" text COLLATE "C" NOT NULL,
    "about" text COLLATE "C",
    "subject" text COLLATE "C",
    "model_id" text COLLATE "C",
    "owner" text COLLATE "C",
    "due" bigint,
    "every_days" bigint,
    "cause" text COLLATE "C",
    "not_by" text COLLATE "C",
    "reason" text COLLATE "C",
    "status" text COLLATE "C",
    "outcome" text COLLATE "C",
    "note" text COLLATE "C",
    "done_by" text COLLATE "C",
    "done_at" bigint,
    "scheduled_by" text COLLATE "C",
    "scheduled_at" bigint,
    "scheduled_index" bigint,
    "revision" bigint,
    PRIMARY KEY ("review_id")
);
CREATE INDEX "reviews_by_due" ON "reviews" ("status", "due", "review_id");
CREATE INDEX "reviews_by_model" ON "reviews" ("model_id", "status");
CREATE INDEX "reviews_by_subject" ON "reviews" ("subject");
CREATE TABLE "review_causes" (
    "cause" text COLLATE "C" NOT NULL,
    "review_id" text COLLATE "C",
    PRIMARY KEY ("cause")
);
CREATE TABLE "findings" (
    "subject" text COLLATE "C" NOT NULL,
    "rule" text COLLATE "C" NOT NULL,
    "model_id" text COLLATE "C",
    "message" text COLLATE "C",
    "due" bigint,
    "status" text COLLATE "C",
    "reason" text COLLATE "C",
    "opened_at" bigint,
    "opened_index" bigint,
    "closed_at" bigint,
    "closed_index" bigint,
    PRIMARY KEY ("subject", "rule")
);
CREATE INDEX "findings_by_status" ON "findings" ("status", "opened_index");
CREATE INDEX "findings_by_model" ON "findings" ("model_id");
CREATE TABLE "templates" (
    "name" text COLLATE "C" NOT NULL,
    "version" bigint NOT NULL,
    "evidence_type" text COLLATE "C",
    "text" text COLLATE "C",
    "sections" text COLLATE "C",
    "status" text COLLATE "C",
    "added_by" text COLLATE "C",
    "added_at" bigint,
    "approved_by" text COLLATE "C",
    "approved_at" bigint,
    "revision" bigint,
    PRIMARY KEY ("name", "version")
);
CREATE TABLE "template_names" (
    "name" text COLLATE "C" NOT NULL,
    "evidence_type" text COLLATE "C",
    "latest" bigint,
    "in_force" bigint,
    PRIMARY KEY ("name")
);
CREATE TABLE "actors" (
    "actor_id" text COLLATE "C" NOT NULL,
    "kind" text COLLATE "C",
    "roles" text COLLATE "C",
    "active" bigint,
    "erased_index" bigint,
    "created_index" bigint,
    "revision" bigint,
    PRIMARY KEY ("actor_id")
);
CREATE TABLE "grant_proposals" (
    "actor_id" text COLLATE "C" NOT NULL,
    "roles" text COLLATE "C",
    "proposed_by" text COLLATE "C",
    "proposed_at" bigint,
    "entry_index" bigint,
    PRIMARY KEY ("actor_id")
);
CREATE INDEX "grant_proposals_by_entry" ON "grant_proposals" ("entry_index");
CREATE TABLE "teams" (
    "team" text COLLATE "C" NOT NULL,
    "description" text COLLATE "C",
    "members" bigint,
    "models" bigint,
    "dissolved" bigint,
    "created_index" bigint,
    "revision" bigint,
    PRIMARY KEY ("team")
);
CREATE TABLE "team_members" (
    "team" text COLLATE "C" NOT NULL,
    "actor_id" text COLLATE "C" NOT NULL,
    "added_at" bigint,
    "entry_index" bigint,
    PRIMARY KEY ("team", "actor_id")
);
CREATE INDEX "team_members_by_actor" ON "team_members" ("actor_id");
CREATE TABLE "access_anchors" (
    "day" text COLLATE "C" NOT NULL,
    "count" bigint,
    "digest" text COLLATE "C",
    "anchored_at" bigint,
    "entry_index" bigint,
    PRIMARY KEY ("day")
);
CREATE TABLE "actor_keys" (
    "key_id" text COLLATE "C" NOT NULL,
    "actor_id" text COLLATE "C",
    "algorithm" text COLLATE "C",
    "spki" text COLLATE "C",
    "added_at" bigint,
    "added_index" bigint,
    "removed_at" bigint,
    "removed_index" bigint,
    PRIMARY KEY ("key_id")
);
CREATE INDEX "actor_keys_by_actor" ON "actor_keys" ("actor_id");
CREATE TABLE "attestations" (
    "digest" text COLLATE "C" NOT NULL,
    "model_id" text COLLATE "C",
    "number" bigint,
    "version_digest" text COLLATE "C",
    "target" text COLLATE "C",
    "environment" text COLLATE "C",
    "issued_at" bigint,
    "expires_at" bigint,
    "issued_index" bigint,
    "revoked" text COLLATE "C",
    "revoked_at" bigint,
    "revoked_index" bigint,
    PRIMARY KEY ("digest")
);
CREATE INDEX "attestations_by_version" ON "attestations" ("model_id", "number");
CREATE INDEX "attestations_by_revocation" ON "attestations" ("revoked_index");
CREATE TABLE "tokens" (
    "token_id" text COLLATE "C" NOT NULL,
    "actor_id" text COLLATE "C",
    "issued_at" bigint,
    "expires_at" bigint,
    "valid_seconds" bigint,
    "made_by" text COLLATE "C",
    "revoked" bigint,
    "limits" text COLLATE "C",
    "replaced_by" text COLLATE "C",
    "identity" text COLLATE "C",
    "run" text COLLATE "C",
    "created_index" bigint,
    "purpose" text COLLATE "C",
    PRIMARY KEY ("token_id")
);
CREATE INDEX "tokens_by_actor" ON "tokens" ("actor_id");
CREATE TABLE "credentials" (
    "secret_hash" text COLLATE "C" NOT NULL,
    "token_id" text COLLATE "C",
    PRIMARY KEY ("secret_hash")
);
CREATE INDEX "credentials_by_token" ON "credentials" ("token_id");
CREATE TABLE "exchanges" (
    "presented" text COLLATE "C" NOT NULL,
    "token_id" text COLLATE "C",
    PRIMARY KEY ("presented")
);
CREATE TABLE "workload_identities" (
    "identity_id" text COLLATE "C" NOT NULL,
    "actor_id" text COLLATE "C",
    "issuer" text COLLATE "C",
    "audience" text COLLATE "C",
    "shape" text COLLATE "C",
    "rules" text COLLATE "C",
    "added_at" bigint,
    "added_index" bigint,
    "removed_at" bigint,
    PRIMARY KEY ("identity_id")
);
CREATE INDEX "identities_by_actor" ON "workload_identities" ("actor_id");
CREATE INDEX "identities_by_issuer" ON "workload_identities" ((substr(issuer, 1, 200)));
CREATE TABLE "sign_ins" (
    "actor_id" text COLLATE "C" NOT NULL,
    "epoch" bigint,
    "changed_at" bigint,
    PRIMARY KEY ("actor_id")
);
CREATE TABLE "login_groups" (
    "group_name" text COLLATE "C" NOT NULL,
    "roles" text COLLATE "C",
    "mapped_by" text COLLATE "C",
    "mapped_at" bigint,
    "revision" bigint,
    PRIMARY KEY ("group_name")
);
CREATE TABLE "group_roles" (
    "actor_id" text COLLATE "C" NOT NULL,
    "groups" text COLLATE "C",
    "roles" text COLLATE "C",
    PRIMARY KEY ("actor_id")
);
CREATE TABLE "settings" (
    "name" text COLLATE "C" NOT NULL,
    "value" text COLLATE "C",
    "revision" bigint,
    PRIMARY KEY ("name")
);
CREATE TABLE "policy_bundles" (
    "digest" text COLLATE "C" NOT NULL,
    "files" bigint,
    "size" bigint,
    "status" text COLLATE "C",
    "uploaded_by" text COLLATE "C",
    "uploaded_at" bigint,
    "uploaded_index" bigint,
    "effective" text COLLATE "C",
    "activated_by" text COLLATE "C",
    "activated_at" bigint,
    "revision" bigint,
    PRIMARY KEY ("digest")
);
CREATE TABLE "access_policies" (
    "digest" text COLLATE "C" NOT NULL,
    "policies" bigint,
    "status" text COLLATE "C",
    "installed_by" text COLLATE "C",
    "installed_at" bigint,
    "installed_index" bigint,
    "activated_by" text COLLATE "C",
    "activated_at" bigint,
    "revision" bigint,
    PRIMARY KEY ("digest")
);
CREATE TABLE "timeline" (
    "subject" text COLLATE "C" NOT NULL,
    "attribute" text COLLATE "C" NOT NULL,
    "to_index" bigint NOT NULL,
    "from_index" bigint,
    "value" text COLLATE "C",
    PRIMARY KEY ("subject", "attribute", "to_index")
);
CREATE INDEX "timeline_by_value" ON "timeline" ("attribute", (substr(value, 1, 200)), "from_index");
CREATE TABLE "passwords" (
    "actor_id" text COLLATE "C" NOT NULL,
    "hash" text COLLATE "C",
    "reset_hash" text COLLATE "C",
    "reset_until" bigint,
    "made_by" text COLLATE "C",
    "own_from" bigint,
    PRIMARY KEY ("actor_id")
);
CREATE TABLE "login_identities" (
    "identity" text COLLATE "C" NOT NULL,
    "issuer" text COLLATE "C",
    "subject" text COLLATE "C",
    "actor_id" text COLLATE "C",
    "made_by" text COLLATE "C",
    PRIMARY KEY ("identity")
);
CREATE INDEX "login_identities_by_actor" ON "login_identities" ("actor_id");
CREATE TABLE "directory" (
    "actor_id" text COLLATE "C" NOT NULL,
    "handle" text COLLATE "C",
    "display_name" text COLLATE "C",
    PRIMARY KEY ("actor_id")
);
CREATE TABLE "handles" (
    "handle" text COLLATE "C" NOT NULL,
    "actor_id" text COLLATE "C",
    PRIMARY KEY ("handle")
);
CREATE TABLE "private_payloads" (
    "digest" text COLLATE "C" NOT NULL,
    "salt" bytea,
    "text" text COLLATE "C",
    PRIMARY KEY ("digest")
);
CREATE TABLE "artifact_files" (
    "path" text COLLATE "C" NOT NULL,
    "digest" text COLLATE "C",
    "size" bigint,
    "updated_at" bigint,
    PRIMARY KEY ("path")
);
CREATE INDEX "artifact_files_by_digest" ON "artifact_files" ("digest");
CREATE TABLE "artifact_uploads" (
    "upload_id" text COLLATE "C" NOT NULL,
    "path" text COLLATE "C",
    "actor_id" text COLLATE "C",
    "parts" bigint,
    "secret" bytea,
    "expires_at" bigint,
    "digest" text COLLATE "C",
    PRIMARY KEY ("upload_id")
);
CREATE INDEX "artifact_uploads_by_expiry" ON "artifact_uploads" ("expires_at");
CREATE TABLE "token_uses" (
    "token_id" text COLLATE "C" NOT NULL,
    "used_at" bigint,
    "address" text COLLATE "C",
    PRIMARY KEY ("token_id")
);
CREATE TABLE "access_log" (
    "day" text COLLATE "C" NOT NULL,
    "at" bigint NOT NULL,
    "log_id" text COLLATE "C" NOT NULL,
    "kind" text COLLATE "C",
    "actor" text COLLATE "C",
    "what" text COLLATE "C",
    "private_digest" text COLLATE "C",
    "private_salt" bytea,
    "private_text" text COLLATE "C",
    PRIMARY KEY ("day", "at", "log_id")
);
CREATE INDEX "access_log_by_actor" ON "access_log" ("actor", "day", "at", "log_id");
CREATE TABLE "blob_senders" (
    "actor_id" text COLLATE "C" NOT NULL,
    "digest" text COLLATE "C" NOT NULL,
    "sent_at" bigint,
    PRIMARY KEY ("actor_id", "digest")
);
CREATE INDEX "blob_senders_by_time" ON "blob_senders" ("sent_at");
CREATE TABLE "sessions" (
    "session_id" text COLLATE "C" NOT NULL,
    "actor_id" text COLLATE "C",
    "created_at" bigint,
    "expires_at" bigint,
    "csrf" text COLLATE "C",
    "method" text COLLATE "C",
    "epoch" bigint,
    "browser" text COLLATE "C",
    "made_by" text COLLATE "C",
    PRIMARY KEY ("session_id")
);
CREATE INDEX "sessions_by_actor" ON "sessions" ("actor_id");
CREATE INDEX "sessions_by_expiry" ON "sessions" ("expires_at");
CREATE TABLE "session_uses" (
    "session_id" text COLLATE "C" NOT NULL,
    "used_at" bigint,
    PRIMARY KEY ("session_id")
);
CREATE TABLE "login_failures" (
    "origin" text COLLATE "C" NOT NULL,
    "count" bigint,
    "last_at" bigint,
    "blocked_until" bigint,
    PRIMARY KEY ("origin")
);
CREATE INDEX "login_failures_by_time" ON "login_failures" ("last_at");
