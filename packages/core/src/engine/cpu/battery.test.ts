/** The battery reaches what it is meant to: every instruction of programs, and planes that are cut into bands. */
import { expect, test } from "vitest";
import { INSTRUCTION_BYTES, MEMORY_LIMIT } from "./arena.ts";
import { runBattery } from "./battery.ts";
import { BATTERY_NETS } from "./battery-nets.ts";
import { cpuEngine } from "./cpu.ts";
import { buildKernels } from "./node/build.ts";
import { openThreads } from "./node/threads.ts";
import { OPS } from "./program.ts";
import { isSite, type Step } from "./sites.ts";
import { stagesOf } from "./stages.ts";
import { bandsOf, tilesOf } from "./tiles.ts";
import { compileKernels } from "./wasm.ts";

test("every instruction is executed", async () => {
  const module = await compileKernels((await buildKernels()).bytes);
  const reached = new Set<string>();
  const engine = cpuEngine({
    ...{ device: "", threads: () => 1, limit: MEMORY_LIMIT },
    async open(arena) {
      const host = await openThreads({ module }, arena);
      const run: typeof host.run = (program) => {
        for (let i = 0; i < program.count; i++)
          reached.add(OPS[new Uint32Array(host.memory, program.at + i * INSTRUCTION_BYTES, 1)[0]!]!);
        host.run(program);
      };
      return { ...host, run };
    },
  });
  await runBattery(engine);
  expect(OPS.filter((op) => !reached.has(op))).toEqual([]);
});

test("planes of the wide net are cut into bands, by convolutions and by other passes", () => {
  const { items } = stagesOf(BATTERY_NETS.wide).body!;
  const steps = items.filter((item): item is Step => !isSite(item));
  const cut = (step: Step) => (step.kind === "conv" ? tilesOf(step) : bandsOf(step.reads.shape)).bands > 1;
  expect(new Set(steps.filter(cut).map(({ kind }) => kind))).toEqual(new Set(["conv", "average-pool"]));
});
