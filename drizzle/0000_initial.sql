CREATE TYPE "public"."command" AS ENUM('continue', 'cancel', 'drain', 'update');--> statement-breakpoint
CREATE TYPE "public"."file_kind" AS ENUM('result', 'ticket', 'trained');--> statement-breakpoint
CREATE TYPE "public"."job_state" AS ENUM('queued', 'running', 'done', 'failed', 'cancelled');--> statement-breakpoint
CREATE TYPE "public"."level" AS ENUM('signed', 'checked', 'repeated', 'bit-reproduced');--> statement-breakpoint
CREATE TYPE "public"."outcome" AS ENUM('completed', 'diverged', 'failed');--> statement-breakpoint
CREATE TYPE "public"."token_role" AS ENUM('maintainer', 'enrolment');--> statement-breakpoint
CREATE TABLE "announcements" (
	"job_id" uuid NOT NULL,
	"lease_hash" text NOT NULL,
	"kind" "file_kind" NOT NULL,
	"digest" text NOT NULL,
	"bytes" bigint NOT NULL,
	"announced_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "announcements_job_id_lease_hash_kind_pk" PRIMARY KEY("job_id","lease_hash","kind"),
	CONSTRAINT "announcements_digest" CHECK ("announcements"."digest" ~ '^[0-9a-f]{64}$'),
	CONSTRAINT "announcements_bytes" CHECK ("announcements"."bytes" > 0)
);
--> statement-breakpoint
CREATE TABLE "files" (
	"digest" text PRIMARY KEY NOT NULL,
	"bytes" bigint NOT NULL,
	"kind" "file_kind" NOT NULL,
	CONSTRAINT "files_digest" CHECK ("files"."digest" ~ '^[0-9a-f]{64}$'),
	CONSTRAINT "files_bytes" CHECK ("files"."bytes" > 0)
);
--> statement-breakpoint
CREATE TABLE "jobs" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"position" bigserial NOT NULL,
	"kind" text DEFAULT 'run' NOT NULL,
	"spec" jsonb NOT NULL,
	"spec_digest" text NOT NULL,
	"group_digest" text NOT NULL,
	"engine" text DEFAULT 'auto' NOT NULL,
	"priority" integer DEFAULT 0 NOT NULL,
	"state" "job_state" DEFAULT 'queued' NOT NULL,
	"plan" jsonb NOT NULL,
	"suite" text,
	"attempts" integer DEFAULT 0 NOT NULL,
	"runner_id" uuid,
	"lease_hash" text,
	"lease_attempt" integer,
	"lease_expires_at" timestamp with time zone,
	"command" "command" DEFAULT 'continue' NOT NULL,
	"progress" jsonb,
	"progress_at" timestamp with time zone,
	"snapshot_iteration" integer,
	"message" text,
	"queued_at" timestamp with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp with time zone,
	"finished_at" timestamp with time zone,
	"created_by" text,
	CONSTRAINT "jobs_suite_spec" UNIQUE("suite","spec_digest"),
	CONSTRAINT "jobs_digests" CHECK ("jobs"."spec_digest" ~ '^[0-9a-f]{64}$' and "jobs"."group_digest" ~ '^[0-9a-f]{64}$'),
	CONSTRAINT "jobs_attempts" CHECK ("jobs"."attempts" >= 0),
	CONSTRAINT "jobs_lease" CHECK ("jobs"."state" <> 'running' or ("jobs"."runner_id" is not null and "jobs"."lease_hash" is not null and "jobs"."lease_attempt" is not null and "jobs"."lease_expires_at" is not null))
);
--> statement-breakpoint
CREATE TABLE "leases" (
	"job_id" uuid NOT NULL,
	"hash" text NOT NULL,
	"runner_id" uuid NOT NULL,
	"nonce" text NOT NULL,
	"attempt" integer NOT NULL,
	"claimed_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "leases_job_id_hash_pk" PRIMARY KEY("job_id","hash"),
	CONSTRAINT "leases_hash" CHECK ("leases"."hash" ~ '^[0-9a-f]{64}$')
);
--> statement-breakpoint
CREATE TABLE "results" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"job_id" uuid NOT NULL,
	"seq" bigserial NOT NULL,
	"spec" jsonb NOT NULL,
	"dataset" text NOT NULL,
	"model" text NOT NULL,
	"method" text NOT NULL,
	"sparsity" double precision NOT NULL,
	"seed" bigint NOT NULL,
	"spec_digest" text NOT NULL,
	"group_digest" text NOT NULL,
	"outcome" "outcome" NOT NULL,
	"result" jsonb NOT NULL,
	"result_digest" text NOT NULL,
	"ticket_digest" text,
	"trained_digest" text,
	"envelope" "bytea" NOT NULL,
	"envelope_digest" text NOT NULL,
	"key_id" text NOT NULL,
	"runner_id" uuid NOT NULL,
	"level" "level" DEFAULT 'signed' NOT NULL,
	"check" jsonb,
	"accuracy" double precision,
	"after_cut_accuracy" double precision,
	"received_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "results_job" UNIQUE("job_id"),
	CONSTRAINT "results_seq" UNIQUE("seq"),
	CONSTRAINT "results_envelope" UNIQUE("envelope_digest"),
	CONSTRAINT "results_digests" CHECK ("results"."spec_digest" ~ '^[0-9a-f]{64}$' and "results"."group_digest" ~ '^[0-9a-f]{64}$' and "results"."result_digest" ~ '^[0-9a-f]{64}$' and "results"."envelope_digest" ~ '^[0-9a-f]{64}$' and "results"."key_id" ~ '^[0-9a-f]{64}$'),
	CONSTRAINT "results_sparsity" CHECK ("results"."sparsity" >= 0 and "results"."sparsity" < 1)
);
--> statement-breakpoint
CREATE TABLE "runners" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"name" text NOT NULL,
	"key_id" text NOT NULL,
	"public_key" "bytea" NOT NULL,
	"bearer_hash" text NOT NULL,
	"environment" jsonb NOT NULL,
	"kinds" text[] DEFAULT '{}' NOT NULL,
	"engines" text[] DEFAULT '{}' NOT NULL,
	"last_seen_at" timestamp with time zone DEFAULT now() NOT NULL,
	"command" "command" DEFAULT 'continue' NOT NULL,
	"revoked_at" timestamp with time zone,
	CONSTRAINT "runners_key" UNIQUE("key_id"),
	CONSTRAINT "runners_bearer" UNIQUE("bearer_hash"),
	CONSTRAINT "runners_key_id" CHECK ("runners"."key_id" ~ '^[0-9a-f]{64}$')
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"hash" text PRIMARY KEY NOT NULL,
	"token_hash" text NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "tokens" (
	"hash" text PRIMARY KEY NOT NULL,
	"role" "token_role" NOT NULL,
	"label" text NOT NULL,
	"expires_at" timestamp with time zone,
	"used_at" timestamp with time zone,
	"used_by" uuid
);
--> statement-breakpoint
ALTER TABLE "announcements" ADD CONSTRAINT "announcements_lease" FOREIGN KEY ("job_id","lease_hash") REFERENCES "public"."leases"("job_id","hash") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "jobs" ADD CONSTRAINT "jobs_runner_id_runners_id_fk" FOREIGN KEY ("runner_id") REFERENCES "public"."runners"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "leases" ADD CONSTRAINT "leases_job_id_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "public"."jobs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "leases" ADD CONSTRAINT "leases_runner_id_runners_id_fk" FOREIGN KEY ("runner_id") REFERENCES "public"."runners"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "results" ADD CONSTRAINT "results_job_id_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "public"."jobs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "results" ADD CONSTRAINT "results_runner_id_runners_id_fk" FOREIGN KEY ("runner_id") REFERENCES "public"."runners"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_token_hash_tokens_hash_fk" FOREIGN KEY ("token_hash") REFERENCES "public"."tokens"("hash") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tokens" ADD CONSTRAINT "tokens_used_by_runners_id_fk" FOREIGN KEY ("used_by") REFERENCES "public"."runners"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "jobs_running_lease" ON "jobs" USING btree ("lease_hash") WHERE "jobs"."state" = 'running';--> statement-breakpoint
CREATE INDEX "jobs_queue" ON "jobs" USING btree ("priority" DESC NULLS FIRST,"position") WHERE "jobs"."state" = 'queued';--> statement-breakpoint
CREATE INDEX "jobs_leases" ON "jobs" USING btree ("lease_expires_at") WHERE "jobs"."state" = 'running';--> statement-breakpoint
CREATE INDEX "jobs_by_position" ON "jobs" USING btree ("position");--> statement-breakpoint
CREATE INDEX "jobs_by_runner" ON "jobs" USING btree ("runner_id");--> statement-breakpoint
CREATE INDEX "results_by_pair" ON "results" USING btree ("dataset","model");--> statement-breakpoint
CREATE INDEX "results_by_group" ON "results" USING btree ("group_digest");--> statement-breakpoint
CREATE INDEX "results_by_runner" ON "results" USING btree ("runner_id");--> statement-breakpoint
CREATE INDEX "results_unchecked" ON "results" USING btree ("seq") WHERE "results"."check" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "tokens_maintainer_label" ON "tokens" USING btree ("label") WHERE "tokens"."role" = 'maintainer';