/** Testbeds as people tell them apart: what differs between them, and which of them was replaced. Pure. */
import type { Testbed } from "@ticketmark/core";
import { formatBytes, plural } from "./format.ts";

const NAMES: readonly (readonly [keyof Testbed, (testbed: Testbed) => string])[] = [
  ["cpu", ({ cpu }) => cpu],
  ["cores", ({ cores }) => `${cores} cores`],
  ["memoryBytes", ({ memoryBytes }) => formatBytes(memoryBytes)],
  ["os", ({ os }) => os],
  ["arch", ({ arch }) => arch],
  ["node", ({ node }) => `Node ${node.replace(/^v/, "")}`],
  ["engine", ({ engine }) => engine],
  ["compiler", ({ compiler }) => compiler],
  ["threads", ({ threads }) => (threads === null ? "threads as the engine chooses" : plural(threads, "thread"))],
  ["key", ({ key }) => `runner’s key ${key.slice(0, 12)}`],
];

/** "linux 6.9, Node 22.1": what is not the same in all of them, in words; empty where there is one alone. */
export const differenceOf = (testbed: Testbed, all: readonly Testbed[]): string =>
  NAMES.filter(([field]) => all.some((other) => other[field] !== testbed[field]))
    .map(([, text]) => text(testbed))
    .join(", ");

/**
 * Those that runners have now, and those that an update left behind: the same key measured on another one, with the same
 * engine, later. @param testbeds latest run first
 */
export function currentFirst<T extends { readonly testbed: Testbed }>(testbeds: readonly T[]): { now: T[]; past: T[] } {
  const seen = new Set<string>();
  const [now, past]: [T[], T[]] = [[], []];
  for (const one of testbeds) {
    const { key, engine, threads } = one.testbed;
    const runner = `${key} ${engine} ${threads}`;
    (seen.has(runner) ? past : now).push(one);
    seen.add(runner);
  }
  return { now, past };
}
