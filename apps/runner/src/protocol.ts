/**
 * What supervisor and worker say to each other over the worker's stdin and stdout: one JSON object a line, versioned,
 * bounded, validated on both sides. Files never travel here: the worker writes them into folders agreed on in "run".
 *
 * The two may be of different commits, either of them the older one. So within a version readers ignore fields that they
 * do not know, and writers may add fields that readers can do without; any other change of meaning raises VERSION. A
 * worker's first message is "hello", its last "done", "stopped", "engines" or "problem"; commands come after the hello.
 */
import type { Readable, Writable } from "node:stream";
import {
  commitSchema,
  digestSchema,
  ENGINE_CHOICES,
  environmentSchema,
  PROBLEM_CODES,
  Problem,
  type ProblemCode,
  progressSchema,
} from "@ticketmark/core";
import { z } from "zod";
import { storable } from "./storable.ts";

/** Raised when a message changes its meaning. */
const VERSION = 1;
/** Longest line, in bytes, newline included. */
export const MAX_LINE = 64 * 1024;

/** What the other side says in words is shown and told to the site. */
const text = (length: number) => z.string().max(length).transform(storable);

const engineSettings = z.object({
  /** null = the engine's choice. */
  threads: z.number().int().min(1).nullable(),
  native: z.boolean(),
  /** Folder for native kernels. */
  cacheDir: z.string(),
});
export type EngineSettings = z.infer<typeof engineSettings>;

export const codeSchema = z.object({
  commit: commitSchema.nullable(),
  dirty: z.boolean(),
  version: text(50),
});
/** Which code runs: the commit, whether it was changed since, and the version in package.json. */
export type Code = z.infer<typeof codeSchema>;

export const commandSchema = z.discriminatedUnion("type", [
  /** Open each engine and say what it is. */
  z.object({ type: z.literal("probe"), settings: engineSettings, choices: z.array(z.enum(ENGINE_CHOICES)) }),
  z.object({
    type: z.literal("run"),
    engine: z.enum(ENGINE_CHOICES),
    settings: engineSettings,
    spec: z.unknown(), // a complete spec
    /** Path of the file of initial weights that it names; left out where it names none. */
    initial: z.string().optional(),
    /** Folder for files of data sets: what the spec's needs and is missing is downloaded first. */
    dataDir: z.string(),
    /** Folder for result.json, ticket.tkt and trained.tkt. */
    outDir: z.string(),
    /** Folder for this job's snapshots alone. */
    snapshotDir: z.string(),
    snapshotSeconds: z.number().positive(),
  }),
  /** Write a snapshot and end. */
  z.object({ type: z.literal("stop") }),
]);
export type Command = z.infer<typeof commandSchema>;

const problemSchema = z.object({
  code: z.enum(Object.keys(PROBLEM_CODES) as [ProblemCode, ...ProblemCode[]]),
  message: text(4_000),
});

/** Core's own are strict: the site takes no field that it does not know. */
const environment = z.object(environmentSchema.shape);
const progress = z.object({ ...progressSchema.shape, phaseName: text(100) });

export const messageSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("hello"), pid: z.number().int(), code: codeSchema }),
  z.object({
    type: z.literal("engines"),
    /** As asked for; `environment` null where the engine cannot be opened, and then `problem` says why. */
    engines: z.array(
      z.object({
        choice: z.enum(ENGINE_CHOICES),
        environment: environment.nullable(),
        problem: problemSchema.nullable(),
      }),
    ),
  }),
  /** Going on from a snapshot, or why it is not used. */
  z.object({
    type: z.literal("resumed"),
    iteration: z.number().int().min(0),
    refused: text(2_000).nullable(),
  }),
  z.object({
    type: z.literal("fetching"),
    /** Of an archive, bytes that are there and of how many, if that is known. */
    name: text(200),
    done: z.number().int().min(0),
    total: z.number().int().min(0).nullable(),
  }),
  z.object({ type: z.literal("progress"), progress }),
  z.object({ type: z.literal("snapshot"), iteration: z.number().int().min(0) }),
  /** All files are written. */
  z.object({
    type: z.literal("done"),
    resultDigest: digestSchema,
    /** Largest resident memory of the worker, where its system tells. */
    peakRssBytes: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  }),
  /** Ended by "stop"; the snapshot is written. */
  z.object({ type: z.literal("stopped") }),
  z.object({ type: z.literal("problem"), problem: problemSchema }),
]);
export type Message = z.infer<typeof messageSchema>;

/** Writes one line. Throws Problem "too-large" on a message that no reader would take. */
export function writeLine(stream: Writable, message: Command | Message): void {
  const line = `${JSON.stringify({ v: VERSION, ...message })}\n`;
  if (Buffer.byteLength(line) > MAX_LINE) {
    throw new Problem("too-large", `message "${message.type}": expected at most ${MAX_LINE} bytes`);
  }
  stream.write(line);
}

/** Yields each message until the stream ends. Throws Problem "bad-request" on anything else. */
export async function* readLines<T>(stream: Readable, schema: z.ZodType<T>): AsyncGenerator<T> {
  let pending: Buffer[] = [];
  let length = 0; // of pending
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      if (length + end - start >= MAX_LINE) throw tooLong();
      pending.push(chunk.subarray(start, end));
      yield parseLine(Buffer.concat(pending), schema);
      pending = [];
      length = 0;
      start = end + 1;
    }
    pending.push(chunk.subarray(start));
    length += chunk.length - start;
    if (length >= MAX_LINE) throw tooLong();
  }
  if (length > 0) throw new Problem("bad-request", "message: expected a whole line; the stream ended in the middle");
}

const tooLong = () => new Problem("bad-request", `message: expected a line of at most ${MAX_LINE} bytes`);

function parseLine<T>(line: Buffer, schema: z.ZodType<T>): T {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(line.toString("utf8"));
  } catch (cause) {
    throw new Problem("bad-request", `message: expected JSON; got ${JSON.stringify(line.toString("utf8", 0, 80))}`, {
      cause,
    });
  }
  const { v, ...message } = Object(value) as Record<string, unknown>;
  if (v !== VERSION) {
    const came = JSON.stringify(v)?.slice(0, 80);
    throw new Problem("bad-request", `message: expected version ${VERSION} of the protocol; got ${came}`);
  }
  const parsed = schema.safeParse(message);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new Problem("bad-request", `message: ${issue.path.join(".") || "(line)"}: ${issue.message}`, {
    cause: parsed.error,
  });
}
