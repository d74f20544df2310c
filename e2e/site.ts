/** The site as a test sees it: a process of its own with its own folder and port, and its HTTP interface. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "@playwright/test";
import { enrolArguments, root, siteProcess } from "../start.mjs";
import { type Running, startNode } from "./processes.ts";

export interface Job {
  readonly id: string;
  readonly state: string;
  readonly attempts: number;
  readonly progress: { readonly iteration: number } | null;
}

export class Site {
  readonly data: string;
  readonly port: number;
  readonly origin: string;
  #env: Record<string, string>;
  #process: Running | undefined;

  constructor(port: number, env: Record<string, string>) {
    this.data = mkdtempSync(join(tmpdir(), "ticketmark-e2e-"));
    this.port = port;
    this.origin = `http://127.0.0.1:${port}`;
    this.#env = { TICKETMARK_HEARTBEAT_SECONDS: "0.5", TICKETMARK_RETRY_SECONDS: "0.5", ...env };
  }

  /** Starts it, the first time or again, and waits until it answers. */
  async start(): Promise<void> {
    this.#process = this.spawn();
    await expect
      .poll(
        async () => {
          if (!this.process.alive()) throw new Error(`the site ended: ${this.process.output()}`);
          return fetch(`${this.origin}/api/v1/jobs?limit=1`).then(
            (response) => response.status,
            () => "not listening",
          );
        },
        { timeout: 60_000 },
      )
      .toBe(200);
  }

  /** Another process on this site's folder, `port` aside. */
  spawn(port = this.port): Running {
    const program = siteProcess(port, this.data);
    return startNode({ ...program, env: { ...program.env, ...this.#env } });
  }

  get process(): Running {
    if (!this.#process) throw new Error("the site was not started");
    return this.#process;
  }

  async stop(): Promise<void> {
    if (this.#process?.alive()) await this.#process.end("SIGTERM");
    rmSync(this.data, { recursive: true, force: true });
  }

  get token(): string {
    const file = readdirSync(this.data).find((name) => /^maintainer-token(-[0-9a-f]{8})?$/.test(name))!; // of one database
    return readFileSync(join(this.data, file), "utf8").trim();
  }

  /** A call with the maintainer's token. */
  async post(path: string, body: unknown = {}): Promise<Response> {
    return fetch(`${this.origin}/api/v1${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  }

  // biome-ignore lint/suspicious/noExplicitAny: replies are checked by what the tests expect of them
  async get(path: string): Promise<any> {
    const response = await fetch(`${this.origin}/api/v1${path}`);
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  /** Queues a spec. Returns the job's id. */
  async queue(spec: unknown): Promise<string> {
    const response = await this.post("/jobs", { spec });
    expect(response.status, await response.clone().text()).toBe(201);
    return ((await response.json()) as { id: string }).id;
  }

  job = (id: string): Promise<Job> => this.get(`/jobs/${id}`);

  async untilState(id: string, state: string, timeout = 100_000): Promise<Job> {
    await expect.poll(async () => (await this.job(id)).state, { timeout }).toBe(state);
    return this.job(id);
  }

  /** Waits until a job has done more than `iterations`. */
  async untilRunning(id: string, iterations = 0): Promise<void> {
    await expect
      .poll(async () => (await this.job(id)).progress?.iteration ?? 0, { timeout: 30_000, intervals: [100] })
      .toBeGreaterThan(iterations);
  }

  async enrolmentToken(wish: { readonly trusted?: boolean } = {}): Promise<string> {
    return ((await (await this.post("/enrolment-tokens", wish)).json()) as { token: string }).token;
  }

  /** What refusing must not change: rows, and names of stored files. */
  async stored(): Promise<unknown> {
    const files = readdirSync(this.data, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.parentPath.startsWith(join(this.data, "files")))
      .map((entry) => join(entry.parentPath, entry.name));
    return { results: await this.get("/results?limit=200"), files: files.sort() };
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

/** Enrols a runner with a folder inside the site's. Returns the folder. */
export async function enrolRunner(
  site: Site,
  name: string,
  wish: { readonly trusted?: boolean } = {},
): Promise<string> {
  const data = join(site.data, `runner-${name}`);
  const args = enrolArguments(site.origin, data, await site.enrolmentToken(wish), name);
  const enrolling = startNode({ args, cwd: root, env: {} });
  const { code } = await new Promise<{ code: number | null }>((done) =>
    enrolling.child.on("exit", (code: number | null) => done({ code })),
  );
  expect(code, enrolling.output()).toBe(0);
  return data;
}
