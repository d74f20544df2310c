/**
 * Series of measurements from a file, oldest first: CSV with a header, or JSON. Which of the two it is, its content says.
 *
 * CSV: the columns `time` and `commit`, in any case, may be there or not, at any place; every other column is a series, named by its
 * header. An empty cell is no value, and that series does without the row: places in a series count its values, not the
 * file's rows. With `time`, rows are sorted by it; those of one time stay in the file's order.
 * JSON: `{ "series": [{ "name", "values", "commits"? }] }`.
 */
import { MAX_POINTS, Problem } from "@ticketmark/core";
import { z } from "zod";
import { csvRows, type Row } from "./csv.ts";
import { readBounded } from "./files.ts";

export interface Series {
  readonly name: string;
  readonly values: readonly number[];
  /** One for each value; null where the file has none. */
  readonly commits: readonly string[] | null;
}

const MAX_BYTES = 64 << 20;
const MAX_SERIES = 1_000;
/** Characters of a name or a commit, and of what a message quotes. */
const MAX_NAME = 200;
const MAX_QUOTED = 40;
/** Of values, either way: what detectors square and sum stays finite. */
const MAX_VALUE = 1e100;
const TIME = "time";
const COMMIT = "commit";

const nameSchema = z.string().min(1).max(MAX_NAME);
/** Counted first: an array that is too long is one issue, not one for each of its members. */
const upTo = <T extends z.ZodType>(most: number, member: T) => z.array(z.unknown()).max(most).pipe(z.array(member));
const seriesSchema = z
  .strictObject({
    name: nameSchema,
    values: upTo(MAX_POINTS, z.number().min(-MAX_VALUE).max(MAX_VALUE)),
    commits: upTo(MAX_POINTS, nameSchema).optional(),
  })
  .refine(({ values, commits }) => !commits || commits.length === values.length, {
    path: ["commits"],
    error: "expected as many as values",
  });
const fileSchema = z
  .strictObject({ series: upTo(MAX_SERIES, seriesSchema) })
  .refine(({ series }) => new Set(series.map(({ name }) => name)).size === series.length, {
    path: ["series"],
    error: "expected names that differ",
  });

/**
 * Reads a file, or stdin for "-". Throws Problem "not-found", "too-large", or "bad-file" with the place of the fault: of
 * CSV the line and the column.
 */
export async function readSeries(path: string): Promise<Series[]> {
  if (path === "-") return parseSeries(await readStdin(), "stdin");
  const bytes = await readBounded(path, MAX_BYTES);
  if (!bytes) throw new Problem("not-found", `${path}: expected a file of CSV or JSON; there is no such file`);
  return parseSeries(bytes, path);
}

async function readStdin(): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of process.stdin as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > MAX_BYTES) throw new Problem("too-large", `stdin: expected at most ${MAX_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** A header may begin with a bracket too, but hardly so. */
const JSON_START = /^\s*(\{|\[\s*([[{"\d\]-]|$))/;

/** `where` names the file in messages. Throws Problem "bad-file". */
export function parseSeries(bytes: Uint8Array, where: string): Series[] {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes); // takes a byte order mark away
  } catch (cause) {
    throw new Problem("bad-file", `${where}: expected UTF-8`, { cause });
  }
  return JSON_START.test(text) ? fromJson(text, where) : fromCsv(text, where);
}

function fromJson(text: string, where: string): Series[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Problem("bad-file", `${where}: expected JSON: ${(cause as Error).message}`, { cause });
  }
  if (Array.isArray(value))
    throw new Problem("bad-file", `${where}: expected an object { "series": [{ "name", "values" }] }; got an array`);
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) return parsed.data.series.map((one) => ({ ...one, commits: one.commits ?? null }));
  const issue = parsed.error.issues[0]!;
  throw new Problem("bad-file", `${where}: ${issue.path.join(".") || "(file)"}: ${issue.message}`, {
    cause: parsed.error,
  });
}

/** A column of values, and for each the row that it is in. */
interface Column {
  readonly name: string;
  readonly values: number[];
  readonly rows: number[];
}

function fromCsv(text: string, where: string): Series[] {
  const rows = csvRows(text, where, MAX_SERIES + 2);
  const header = rows.next();
  if (header.done) throw new Problem("bad-file", `${where}: expected CSV with a header, or JSON; it is empty`);
  const names = namesOf(header.value, where);
  const columns = names.map((name): Column => ({ name, values: [], rows: [] }));
  const kinds = names.map(kindOf);
  const [timeAt, commitAt] = [kinds.indexOf(TIME), kinds.indexOf(COMMIT)];
  const times: number[] = []; // of each row; without the column, its place
  const commits: string[] = [];
  let timeIn: ((text: string) => number | null) | null = null; // as in the first row
  for (const { line, cells } of rows) {
    const cell = <T>(i: number, read: (text: string) => T | null, expected: string): T => {
      const value = read(cells[i]!);
      if (value !== null) return value;
      const got = cells[i] === "" ? "it is empty" : `got ${quote(cells[i]!)}`;
      throw new Problem("bad-file", `${where}:${line}: column ${quote(names[i]!)}: expected ${expected}; ${got}`);
    };
    if (cells.length !== names.length)
      throw new Problem(
        "bad-file",
        `${where}:${line}: expected ${names.length} cells, as the header has; there are ${cells.length}`,
      );
    const row = times.length;
    if (timeAt >= 0) {
      timeIn ??= numberOf(cells[timeAt]!) === null ? timeOf : numberOf;
      times.push(cell(timeAt, timeIn, timeIn === numberOf ? "a number" : "an ISO 8601 time"));
    } else times.push(row);
    if (commitAt >= 0) commits.push(cell(commitAt, nameOf, `1 to ${MAX_NAME} characters`));
    for (const [i, { name, values, rows }] of columns.entries()) {
      if (i === timeAt || i === commitAt || cells[i] === "") continue;
      if (rows.push(row) > MAX_POINTS)
        throw new Problem("bad-file", `${where}:${line}: column ${quote(name)}: expected at most ${MAX_POINTS} values`);
      const value = cell(i, numberOf, "a number");
      values.push(cell(i, () => (Math.abs(value) <= MAX_VALUE ? value : null), `at most ${MAX_VALUE} either way`));
    }
  }
  return columns
    .filter((_, i) => i !== timeAt && i !== commitAt)
    .map(({ name, values, rows }) => {
      const order = rows.map((_, i) => i).sort((a, b) => times[rows[a]!]! - times[rows[b]!]!);
      return {
        name,
        values: order.map((i) => values[i]!),
        commits: commitAt < 0 ? null : order.map((i) => commits[rows[i]!]!),
      };
    });
}

function namesOf({ line, cells }: Row, where: string): readonly string[] {
  const fault = (message: string) => new Problem("bad-file", `${where}:${line}: ${message}`);
  const kinds = cells.map(kindOf);
  for (const [i, name] of cells.entries()) {
    if (nameOf(name) === null)
      throw fault(`column ${i + 1}: expected a name of 1 to ${MAX_NAME} characters; it has ${name.length}`);
    if (kinds.indexOf(kinds[i]!) < i) throw fault(`expected one column ${quote(kinds[i]!)}; there are more`);
  }
  const metrics = kinds.filter((kind) => kind !== TIME && kind !== COMMIT).length;
  if (metrics === 0) throw fault(`expected a column of values; there is only ${cells.join(" and ")}`);
  if (metrics > MAX_SERIES) throw fault(`expected at most ${MAX_SERIES} columns of values; there are ${metrics}`);
  return cells;
}

/** A column's name, or `time` or `commit` however it is written. */
const kindOf = (name: string): string => ([TIME, COMMIT].includes(name.toLowerCase()) ? name.toLowerCase() : name);

/** As the schemas of JSON have it. */
const nameOf = (text: string): string | null => (nameSchema.safeParse(text).success ? text : null);

/** Decimal, and finite; null else. */
function numberOf(text: string): number | null {
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : null;
}

const TIME_FORM = /^(\d{4}-\d\d-\d\d)(?:[T ]([\d:.]+) ?(Z|[+-]\d\d(?::?\d\d)?)?)?$/;
const timeSchema = z.iso.datetime({ offset: true });

/**
 * Milliseconds since 1970 of a date or time in ISO 8601, also as git and databases write it (2025-01-31 12:00:00 +0100);
 * null for anything else. Without an offset it is UTC: a machine's zone is no part of a file.
 */
function timeOf(text: string): number | null {
  const [, day, clock = "00:00:00", zone = "Z"] = TIME_FORM.exec(text) ?? [];
  const offset = zone === "Z" ? zone : `${zone.slice(0, 3)}:${zone.slice(3).replace(":", "") || "00"}`;
  const parsed = timeSchema.safeParse(`${day}T${clock.length === 5 ? `${clock}:00` : clock}${offset}`);
  return parsed.success ? Date.parse(parsed.data) : null;
}

const quote = (text: string) => JSON.stringify(text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text);
