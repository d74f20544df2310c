/** `ticketmark runner enrol` and `ticketmark runner start`: this machine as a runner of a site. */
import { hostname } from "node:os";
import { enrolMessage, type KeyPair, keyIdOf, Problem, sign, toBase64 } from "@ticketmark/core";
import { Client } from "./client.ts";
import { makePrivateFolder } from "./files.ts";
import { ensureKey, readKey } from "./keys.ts";
import { runLoop } from "./loop.ts";
import { askEngines } from "./probe.ts";
import {
  type Enrolment,
  parseServer,
  readEnrolment,
  type Settings,
  type Tracking,
  writeEnrolment,
} from "./settings.ts";
import type { Status } from "./status.ts";

const SNAPSHOT_SECONDS = 10;

/** Makes a key where there is none, proves that it is held, and keeps what the site answers. Throws Problem. */
export async function enrol(
  { server, token, name = hostname() }: { server: string; token: string; name?: string | undefined },
  settings: Settings,
): Promise<Enrolment> {
  const origin = parseServer(server);
  const existing = await readEnrolment(settings.data);
  if (existing) {
    const { name: as, server: at } = existing;
    throw new Problem(
      "conflict",
      `${settings.data}: enrolled already, as ${as} at ${at}; give another folder with --data`,
    );
  }
  await makePrivateFolder(settings.data);
  const engines = await askEngines(settings);
  const environment = engines.find(({ environment }) => environment !== null)?.environment;
  if (!environment)
    throw new Problem("engine-unavailable", "expected an engine that works here: run ticketmark doctor");
  const key = await ensureKey(settings.data);
  const publicKey = toBase64(key.publicKey);
  const proof = toBase64(sign(enrolMessage(token, publicKey), key));
  // Once only: the token dies with its first use, so a second try after a lost reply could but fail.
  const reply = await new Client(origin, null).enrol({ token, name, publicKey, proof, environment });
  const enrolment = { server: origin, name, ...reply };
  if (reply.keyId !== keyIdOf(key.publicKey)) {
    throw new Problem(
      "bad-signature",
      `${origin}: expected key ${keyIdOf(key.publicKey)}; the site enrolled ${reply.keyId}`,
    );
  }
  await writeEnrolment(settings.data, enrolment);
  return enrolment;
}

/**
 * Runs jobs until `stop` aborts or the site says so. `server`: the site has moved to another address; `tracking`: null =
 * jobs of this code alone.
 */
export async function start(
  { server, tracking }: { server?: string | undefined; tracking: Tracking | null },
  settings: Settings,
  status: Status,
  stop: AbortSignal,
): Promise<void> {
  const { enrolment, key } = await readIdentity(settings.data);
  const origin = server === undefined ? enrolment.server : parseServer(server);
  if (origin !== enrolment.server) await writeEnrolment(settings.data, { ...enrolment, server: origin });
  const client = new Client(origin, enrolment.bearer);
  await runLoop({ settings, tracking, client, key, status, stop, snapshotSeconds: SNAPSHOT_SECONDS });
}

async function readIdentity(data: string): Promise<{ enrolment: Enrolment; key: KeyPair }> {
  const [enrolment, key] = await Promise.all([readEnrolment(data), readKey(data)]);
  if (!enrolment || !key) {
    throw new Problem("bad-settings", `${data}: not enrolled: run ticketmark runner enrol --server URL --token TOKEN`);
  }
  if (keyIdOf(key.publicKey) !== enrolment.keyId) {
    throw new Problem(
      "bad-settings",
      `${data}: expected the key that was enrolled, ${enrolment.keyId}; key is another`,
    );
  }
  return { enrolment, key };
}
