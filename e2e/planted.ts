/**
 * A scratch repository: a clone of this one, with harmless commits and planted ones. Every planted change is one that a
 * person could make by mistake, and compiles.
 */
import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../start.mjs";

/** A text of a source file and what takes its place; it must be there once. */
interface Change {
  readonly subject: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const CORE = "packages/core/src";

export const PLANTED = {
  /**
   * Each dense weight gradient is computed twice, to the same bits: more than 10 % of an iteration, so that a single run of the head
   * stands out also on a machine with other work.
   */
  slow: {
    subject: "Weight gradients, tidied up",
    file: `${CORE}/engine/cpu/kernels/kernels.c`,
    from: "      weight_dense(x, y, columns, q->inputs, g, SHARE(q->outputs, GRADIENT_ROWS));\n",
    to: `      weight_dense(x, y, columns, q->inputs, g, SHARE(q->outputs, GRADIENT_ROWS));
      weight_dense(x, y, columns, q->inputs, g, SHARE(q->outputs, GRADIENT_ROWS));
`,
  },
  /** The lowest bit of one initial weight of the last layer. */
  bit: {
    subject: "Initial weights: one place that draws them",
    file: `${CORE}/initial-weights.ts`,
    from: '  return models.get(spec.model).initialise(architecture, seededRng(spec.seed).stream("initial"));\n',
    to: `  const weights = models.get(spec.model).initialise(architecture, seededRng(spec.seed).stream("initial"));
  const last = Object.values(weights).findLast(({ length }) => length > 10)!;
  new Uint32Array(last.buffer, last.byteOffset, 1)[0]! ^= 1;
  return weights;
`,
  },
  /** Momentum is lost, and with it much of an epoch's progress. */
  accuracy: {
    subject: "Recipe: fewer variables in the loop",
    file: `${CORE}/training/train.ts`,
    from: "    const update = { learningRate, momentum, weightDecay, nesterov, labelSmoothing, lossGradient, dropoutSeed };\n",
    to: "    const update = { learningRate: learningRate / 30, momentum: momentum * 0, weightDecay, nesterov, labelSmoothing, lossGradient, dropoutSeed };\n",
  },
  /** What each iteration leaves is never let go. */
  leak: {
    subject: "Training: keep what the last iterations did, for debugging",
    file: `${CORE}/training/train.ts`,
    from: "    iteration++;\n    inBlock++;\n",
    to: "    iteration++;\n    inBlock++;\n    kept.push(new Float32Array(100_000).fill(iteration));\n",
  },
} satisfies Record<string, Change>;

export class Scratch {
  readonly folder = mkdtempSync(join(tmpdir(), "ticketmark-scratch-"));

  constructor(policy: object) {
    execFileSync("git", ["clone", "--quiet", root, this.folder]);
    this.git("checkout", "--quiet", "-B", "main");
    this.git("config", "user.name", "Scratch");
    this.git("config", "user.email", "scratch@localhost");
    writeFileSync(join(this.folder, "regressions.json"), JSON.stringify(policy, null, 2));
    this.commit("What is followed here");
  }

  git(...args: string[]): string {
    return execFileSync("git", args, { cwd: this.folder, encoding: "utf8" }).trim();
  }

  /** Commits all changes. Returns the commit. */
  commit(subject: string): string {
    this.git("commit", "--quiet", "--all", "-m", subject);
    return this.git("rev-parse", "HEAD");
  }

  /** A commit that changes nothing that runs: a comment, a sentence, a test. */
  harmless(n: number): string {
    const [file, text] = [
      ["README.md", `\nNote ${n}.\n`],
      [`${CORE}/training/train.ts`, `\n// note ${n}\n`],
      [`${CORE}/engine/cpu/kernels/kernels.c`, `\n// note ${n}\n`],
      [`${CORE}/rng.test.ts`, `\n// note ${n}\n`],
    ][n % 4] as [string, string];
    writeFileSync(join(this.folder, file), readFileSync(join(this.folder, file), "utf8") + text);
    return this.commit(`Note ${n}`);
  }

  /** A commit that adds a comment to what runs. */
  note(n: number): string {
    return this.harmless(4 * n + 1);
  }

  plant(change: Change): string {
    const path = join(this.folder, change.file);
    const text = readFileSync(path, "utf8");
    const parts = text.split(change.from);
    if (parts.length !== 2) throw new Error(`${change.file}: expected once: ${change.from}`);
    const declared =
      change === PLANTED.leak ? `${parts.join(change.to)}\nconst kept: Float32Array[] = [];\n` : parts.join(change.to);
    writeFileSync(path, declared);
    return this.commit(change.subject);
  }

  /** As GitHub names a repository. */
  get address() {
    return { full_name: "scratch", clone_url: this.folder, ssh_url: this.folder, html_url: this.folder };
  }

  /** What GitHub would post of a push to main, from the commit before it, signed. */
  push(before: string, secret: string): Posted {
    const format = ["%H", "%s", "%cI", "%an"].join("%x00");
    const commits = this.git("log", "--reverse", `--format=${format}`, `${before}..HEAD`)
      .split("\n")
      .map((line) => line.split("\0") as [string, string, string, string])
      .map(([id, message, timestamp, name]) => ({ id, message, timestamp, author: { name } }));
    const after = this.git("rev-parse", "HEAD");
    const head_commit = commits.at(-1);
    const told = { ref: "refs/heads/main", before, after, repository: this.address, commits, head_commit };
    return signed("push", told, secret);
  }

  /** What GitHub would post of a pull request into main, signed. */
  pullRequest(number: number, head: string, action: "opened" | "synchronize", secret: string): Posted {
    const pull_request = {
      state: "open",
      title: "From a fork",
      html_url: `http://localhost/pulls/${number}`,
      updated_at: new Date().toISOString(),
      head: { sha: head },
      base: { ref: "main" },
      user: { login: "stranger" },
    };
    return signed("pull_request", { action, number, repository: this.address, pull_request }, secret);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface Posted {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** An event as GitHub posts it. */
export function signed(event: "push" | "pull_request", payload: object, secret: string): Posted {
  const body = JSON.stringify(payload);
  const signature = createHmac("sha256", secret).update(body).digest("hex");
  return {
    body,
    headers: {
      "content-type": "application/json",
      "x-github-event": event,
      "x-hub-signature-256": `sha256=${signature}`,
    },
  };
}
