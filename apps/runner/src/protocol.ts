/**
 * What supervisor and worker say to each other over the worker's stdin and stdout: one JSON object a line, versioned,
 * bounded, validated on both sides. Files never travel here: the worker writes them into folders agreed on in "run".
 */
import type { Readable, Writable } from "node:stream";
import {
  digestSchema,
  ENGINE_CHOICES,
  environmentSchema,
  PROBLEM_CODES,
  Problem,
  type ProblemCode,
  progressSchema,
} from "@ticketmark/core";
import { z } from "zod";

/** Raised when a message changes its meaning. */
const VERSION = 1;
/** Longest line, in bytes, newline included. */
export const MAX_LINE = 64 * 1024;

const engineSettings = z.strictObject({
  /** null = the engine's choice. */
  threads: z.number().int().min(1).nullable(),
  native: z.boolean(),
  /** Folder for native kernels. */
  cacheDir: z.string(),
});
export type EngineSettings = z.infer<typeof engineSettings>;

export const codeSchema = z.strictObject({
  commit: z.string().nullable(),
  dirty: z.boolean(),
  version: z.string().max(50),
});
/** Which code runs: the commit, whether it was changed since, and the version in package.json. */
export type Code = z.infer<typeof codeSchema>;

export const commandSchema = z.discriminatedUnion("type", [
  /** Open each engine and say what it is. */
  z.strictObject({ type: z.literal("probe"), settings: engineSettings, choices: z.array(z.enum(ENGINE_CHOICES)) }),
  z.strictObject({
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
  z.strictObject({ type: z.literal("stop") }),
]);
export type Command = z.infer<typeof commandSchema>;

const problemSchema = z.strictObject({
  code: z.enum(Object.keys(PROBLEM_CODES) as [ProblemCode, ...ProblemCode[]]),
  message: z.string().max(4_000),
});

export const messageSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("hello"), pid: z.number().int(), code: codeSchema }),
  z.strictObject({
    type: z.literal("engines"),
    /** As asked for; `environment` null where the engine cannot be opened, and then `problem` says why. */
    engines: z.array(
      z.strictObject({
        choice: z.enum(ENGINE_CHOICES),
        environment: environmentSchema.nullable(),
        problem: problemSchema.nullable(),
      }),
    ),
  }),
  /** Going on from a snapshot, or why it is not used. */
  z.strictObject({
    type: z.literal("resumed"),
    iteration: z.number().int().min(0),
    refused: z.string().max(2_000).nullable(),
  }),
  z.strictObject({
    type: z.literal("fetching"),
    /** Of an archive, bytes that are there and of how many, if that is known. */
    name: z.string().max(200),
    done: z.number().int().min(0),
    total: z.number().int().min(0).nullable(),
  }),
  z.strictObject({ type: z.literal("progress"), progress: progressSchema }),
  z.strictObject({ type: z.literal("snapshot"), iteration: z.number().int().min(0) }),
  /** All files are written. */
  z.strictObject({ type: z.literal("done"), resultDigest: digestSchema }),
  /** Ended by "stop"; the snapshot is written. */
  z.strictObject({ type: z.literal("stopped") }),
  z.strictObject({ type: z.literal("problem"), problem: problemSchema }),
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
  if (v !== VERSION) throw new Problem("bad-request", `message: expected version ${VERSION}; got ${JSON.stringify(v)}`);
  const parsed = schema.safeParse(message);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new Problem("bad-request", `message: ${issue.path.join(".") || "(line)"}: ${issue.message}`, {
    cause: parsed.error,
  });
}
