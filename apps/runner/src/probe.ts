/** What engines there are. Asked of a worker: the supervisor itself never loads native code. */
import { ENGINE_CHOICES, Problem } from "@ticketmark/core";
import { type Place, startWorker } from "./child.ts";
import type { Message } from "./protocol.ts";
import type { Settings } from "./settings.ts";

type Engines = Extract<Message, { type: "engines" }>["engines"];

/** `at`: of another commit. Throws Problem "engine-unavailable" when the worker does not say. */
export async function askEngines(
  { native, threads, cache }: Pick<Settings, "native" | "threads" | "cache">,
  {
    signal,
    choices = ENGINE_CHOICES,
    at,
  }: { signal?: AbortSignal; choices?: readonly (typeof ENGINE_CHOICES)[number][]; at?: Place } = {},
): Promise<Engines> {
  let engines: Engines = [];
  const settings = { native, threads, cacheDir: cache };
  const hear = (message: Message) => {
    if (message.type === "engines") engines = message.engines;
  };
  const worker = startWorker({ type: "probe", settings, choices: [...choices] }, hear, at);
  signal?.addEventListener("abort", worker.kill);
  if (signal?.aborted) worker.kill();
  const ending = await worker.ended;
  signal?.removeEventListener("abort", worker.kill);
  if (ending.type === "probed") return engines;
  throw new Problem("engine-unavailable", ending.type === "failed" ? ending.message : "the worker named no engine");
}
