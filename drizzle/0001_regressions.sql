CREATE TYPE "public"."purpose" AS ENUM('track', 'backfill', 'confirm', 'bisect', 'try');--> statement-breakpoint
CREATE TYPE "public"."alert_state" AS ENUM('open', 'acknowledged', 'resolved', 'intended');--> statement-breakpoint
CREATE TYPE "public"."investigation_state" AS ENUM('running', 'confirmed', 'dismissed', 'unlocated', 'abandoned');--> statement-breakpoint
CREATE TABLE "alert_events" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"alert_id" uuid NOT NULL,
	"state" "alert_state" NOT NULL,
	"reason" text NOT NULL,
	"by" text NOT NULL,
	"at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "alerts" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"seq" bigserial NOT NULL,
	"commit" text NOT NULL,
	"parent" text NOT NULL,
	"state" "alert_state" DEFAULT 'open' NOT NULL,
	"findings" jsonb NOT NULL,
	"opened_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "alerts_seq" UNIQUE("seq"),
	CONSTRAINT "alerts_commit" UNIQUE("commit"),
	CONSTRAINT "alerts_commits" CHECK ("alerts"."commit" ~ '^[0-9a-f]{40}$' and "alerts"."parent" ~ '^[0-9a-f]{40}$')
);
--> statement-breakpoint
CREATE TABLE "branches" (
	"name" text PRIMARY KEY NOT NULL,
	"head" text NOT NULL,
	"policy" jsonb,
	"policy_problem" text,
	"scanned_head" text,
	"scanned_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "commits" (
	"hash" text PRIMARY KEY NOT NULL,
	"parents" text[],
	"subject" text NOT NULL,
	"author" text NOT NULL,
	"committed_at" timestamp with time zone NOT NULL,
	"received_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "commits_hash" CHECK ("commits"."hash" ~ '^[0-9a-f]{40}$')
);
--> statement-breakpoint
CREATE TABLE "deliveries" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"target" text NOT NULL,
	"subject" text NOT NULL,
	"body" jsonb NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_at" timestamp with time zone DEFAULT now() NOT NULL,
	"sent_at" timestamp with time zone,
	"failed_at" timestamp with time zone,
	"error" text,
	CONSTRAINT "deliveries_once" UNIQUE("target","subject")
);
--> statement-breakpoint
CREATE TABLE "investigations" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"kind" text NOT NULL,
	"state" "investigation_state" DEFAULT 'running' NOT NULL,
	"base" text NOT NULL,
	"head" text NOT NULL,
	"first_base" text NOT NULL,
	"first_head" text NOT NULL,
	"group_digest" text,
	"testbed" text,
	"runner_id" uuid,
	"metrics" text[] DEFAULT '{}' NOT NULL,
	"reason" text NOT NULL,
	"steps" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"findings" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"alert_id" uuid,
	"pull" integer,
	"created_by" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp with time zone,
	CONSTRAINT "investigations_commits" CHECK ("investigations"."base" ~ '^[0-9a-f]{40}$' and "investigations"."head" ~ '^[0-9a-f]{40}$')
);
--> statement-breakpoint
CREATE TABLE "pulls" (
	"number" integer PRIMARY KEY NOT NULL,
	"head" text NOT NULL,
	"base" text NOT NULL,
	"title" text NOT NULL,
	"author" text NOT NULL,
	"url" text NOT NULL,
	"open" boolean DEFAULT true NOT NULL,
	"approved_head" text,
	"approved_by" text,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "testbeds" (
	"digest" text PRIMARY KEY NOT NULL,
	"testbed" jsonb NOT NULL,
	"first_seen_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "testbeds_digest" CHECK ("testbeds"."digest" ~ '^[0-9a-f]{64}$')
);
--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "commit" text;--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "pull" integer;--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "purpose" "purpose";--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "investigation_id" uuid;--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "only_runner" uuid;--> statement-breakpoint
ALTER TABLE "results" ADD COLUMN "commit" text;--> statement-breakpoint
ALTER TABLE "results" ADD COLUMN "testbed" text;--> statement-breakpoint
ALTER TABLE "results" ADD COLUMN "numerics" integer;--> statement-breakpoint
ALTER TABLE "results" ADD COLUMN "code_digest" text;--> statement-breakpoint
ALTER TABLE "results" ADD COLUMN "trace_head" text;--> statement-breakpoint
ALTER TABLE "results" ADD COLUMN "values" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "results" ADD COLUMN "tracked" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "runners" ADD COLUMN "trusted" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "runners" ADD COLUMN "tracks" jsonb;--> statement-breakpoint
ALTER TABLE "tokens" ADD COLUMN "trusted" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "alert_events" ADD CONSTRAINT "alert_events_alert_id_alerts_id_fk" FOREIGN KEY ("alert_id") REFERENCES "public"."alerts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "investigations" ADD CONSTRAINT "investigations_testbed_testbeds_digest_fk" FOREIGN KEY ("testbed") REFERENCES "public"."testbeds"("digest") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "investigations" ADD CONSTRAINT "investigations_runner_id_runners_id_fk" FOREIGN KEY ("runner_id") REFERENCES "public"."runners"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "investigations" ADD CONSTRAINT "investigations_alert_id_alerts_id_fk" FOREIGN KEY ("alert_id") REFERENCES "public"."alerts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "alert_events_by_alert" ON "alert_events" USING btree ("alert_id");--> statement-breakpoint
CREATE INDEX "commits_by_time" ON "commits" USING btree ("committed_at");--> statement-breakpoint
CREATE INDEX "deliveries_waiting" ON "deliveries" USING btree ("next_at") WHERE "deliveries"."sent_at" is null and "deliveries"."failed_at" is null;--> statement-breakpoint
CREATE INDEX "investigations_by_state" ON "investigations" USING btree ("state");--> statement-breakpoint
CREATE UNIQUE INDEX "investigations_once" ON "investigations" USING btree ("first_base","first_head","group_digest","testbed","metrics") WHERE "investigations"."kind" = 'confirm' and "investigations"."state" <> 'abandoned';--> statement-breakpoint
CREATE INDEX "investigations_by_head" ON "investigations" USING btree ("head");--> statement-breakpoint
ALTER TABLE "jobs" ADD CONSTRAINT "jobs_investigation_id_investigations_id_fk" FOREIGN KEY ("investigation_id") REFERENCES "public"."investigations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "jobs" ADD CONSTRAINT "jobs_only_runner_runners_id_fk" FOREIGN KEY ("only_runner") REFERENCES "public"."runners"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "results" ADD CONSTRAINT "results_testbed_testbeds_digest_fk" FOREIGN KEY ("testbed") REFERENCES "public"."testbeds"("digest") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "jobs_by_commit" ON "jobs" USING btree ("commit");--> statement-breakpoint
CREATE UNIQUE INDEX "jobs_tracked" ON "jobs" USING btree ("commit","spec_digest","only_runner") WHERE "jobs"."purpose" in ('track', 'backfill');--> statement-breakpoint
CREATE INDEX "jobs_by_investigation" ON "jobs" USING btree ("investigation_id");--> statement-breakpoint
CREATE INDEX "results_by_commit" ON "results" USING btree ("commit");--> statement-breakpoint
CREATE INDEX "results_by_series" ON "results" USING btree ("group_digest","testbed");--> statement-breakpoint
ALTER TABLE "jobs" ADD CONSTRAINT "jobs_commit" CHECK ("jobs"."commit" is null or ("jobs"."commit" ~ '^[0-9a-f]{40}$' and "jobs"."purpose" is not null));