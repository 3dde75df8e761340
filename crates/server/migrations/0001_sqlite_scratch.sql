CREATE TABLE "artifact_files" (
    "path" TEXT NOT NULL,
    "digest" TEXT,
    "size" INTEGER,
    "updated_at" INTEGER,
    PRIMARY KEY ("path")
) STRICT, WITHOUT ROWID;
CREATE INDEX "artifact_files_by_digest" ON "artifact_files" ("digest");
CREATE TABLE "artifact_uploads" (
    "upload_id" TEXT NOT NULL,
    "path" TEXT,
    "actor_id" TEXT,
    "parts" INTEGER,
    "secret" BLOB,
    "expires_at" INTEGER,
    "digest" TEXT,
    PRIMARY KEY ("upload_id")
) STRICT, WITHOUT ROWID;
CREATE INDEX "artifact_uploads_by_expiry" ON "artifact_uploads" ("expires_at");
CREATE TABLE "token_uses" (
    "token_id" TEXT NOT NULL,
    "used_at" INTEGER,
    "address" TEXT,
    PRIMARY KEY ("token_id")
) STRICT, WITHOUT ROWID;
CREATE TABLE "access_log" (
    "day" TEXT NOT NULL,
    "at" INTEGER NOT NULL,
    "log_id" TEXT NOT NULL,
    "kind" TEXT,
    "actor" TEXT,
    "what" TEXT,
    "private_digest" TEXT,
    "private_salt" BLOB,
    "private_text" TEXT,
    PRIMARY KEY ("day", "at", "log_id")
) STRICT, WITHOUT ROWID;
CREATE INDEX "access_log_by_actor" ON "access_log" ("actor", "day", "at", "log_id");
CREATE TABLE "blob_senders" (
    "actor_id" TEXT NOT NULL,
    "digest" TEXT NOT NULL,
    "sent_at" INTEGER,
    PRIMARY KEY ("actor_id", "digest")
) STRICT, WITHOUT ROWID;
CREATE INDEX "blob_senders_by_time" ON "blob_senders" ("sent_at");
CREATE TABLE "sessions" (
    "session_id" TEXT NOT NULL,
    "actor_id" TEXT,
    "created_at" INTEGER,
    "expires_at" INTEGER,
    "csrf" TEXT,
    "method" TEXT,
    "epoch" INTEGER,
    "browser" TEXT,
    "made_by" TEXT,
    PRIMARY KEY ("session_id")
) STRICT, WITHOUT ROWID;
CREATE INDEX "sessions_by_actor" ON "sessions" ("actor_id");
CREATE INDEX "sessions_by_expiry" ON "sessions" ("expires_at");
CREATE TABLE "session_uses" (
    "session_id" TEXT NOT NULL,
    "used_at" INTEGER,
    PRIMARY KEY ("session_id")
) STRICT, WITHOUT ROWID;
CREATE TABLE "login_failures" (
    "origin" TEXT NOT NULL,
    "count" INTEGER,
    "last_at" INTEGER,
    "blocked_until" INTEGER,
    PRIMARY KEY ("origin")
) STRICT, WITHOUT ROWID;
CREATE INDEX "login_failures_by_time" ON "login_failures" ("last_at");
