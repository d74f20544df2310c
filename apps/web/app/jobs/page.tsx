import type { JobState } from "@ticketmark/core";
import type { Metadata } from "next";
import { connection } from "next/server";
import { arrange, SHOWN } from "../../components/job-lists.ts";
import { JobsLive } from "../../components/jobs-live.tsx";
import { publicJob } from "../../components/public-job.ts";
import { allNames } from "../../components/registry-names.ts";
import { db } from "../../db/client.ts";
import { listJobs } from "../../db/jobs.ts";
import { onlineSeconds } from "../../env.ts";
import { maintainerFromCookies } from "../../session.ts";

export const metadata: Metadata = { title: "Jobs", description: "What runs now, what waits and why, what ended." };

export default async function JobsPage() {
  await connection();
  const database = await db();
  const list = async (state: JobState, limit: number) =>
    (await listJobs(database, { state, limit, onlineSeconds: onlineSeconds() })).jobs.map(publicJob);
  const [running, queued, done, failed, cancelled, maintainer] = await Promise.all([
    list("running", SHOWN.running),
    list("queued", SHOWN.queued),
    list("done", SHOWN.ended),
    list("failed", SHOWN.ended),
    list("cancelled", SHOWN.ended),
    maintainerFromCookies(),
  ]);
  return (
    <>
      <h1 className="title">Jobs</h1>
      <p className="mt-1.5 max-w-prose text-soft">
        A job is a spec that waits for a runner, is run by one, or has ended. Infrastructure faults are tried again,
        three times at most; a diverged run is a result and is not.
      </p>
      <JobsLive
        first={arrange(running, queued, [...done, ...failed, ...cancelled])}
        names={allNames()}
        maintainer={maintainer !== null}
      />
    </>
  );
}
