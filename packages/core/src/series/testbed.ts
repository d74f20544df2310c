/**
 * What a number was measured on. Only numbers of one testbed are held against each other: it is hashed whole, so another
 * kernel, another Node or another thread count is another testbed. The runner's key is part of it: two machines that
 * call themselves the same are still two.
 */
import { z } from "zod";
import { digestOfJson, digestSchema } from "../canonical.ts";

const text = z.string().max(500);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

export const testbedSchema = z.strictObject({
  cpu: text,
  cores: count,
  memoryBytes: count,
  os: text,
  arch: text,
  node: text,
  engine: text,
  /** C compiler of the native kernels, as it names itself; "wasm" where there is none or it is turned off. */
  compiler: text,
  /** Threads the engine was told to use; null = its choice. */
  threads: count.nullable(),
  /** Key id of the runner. */
  key: digestSchema,
});
export type Testbed = z.infer<typeof testbedSchema>;

export const testbedDigest = (testbed: Testbed): string => digestOfJson(testbed);
