/** What this processor can do (roofline.c), measured in the same run as the kernels that are held against it. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { z } from "zod";

const run = promisify(execFile);
const SOURCE = fileURLToPath(new URL("roofline.c", import.meta.url));
/** As the native kernels are built: without contraction. */
const FLAGS = ["-O3", "-march=native", "-ffp-contract=off", "-pthread"];

/** GFLOPS (peak, l1, l2) and GB/s (copies) of all threads together; roofline.c says of what. */
const rooflineSchema = z.object({
  peak: z.number(),
  l1: z.number(),
  l2: z.number(),
  copyL2: z.number(),
  copyL3: z.number(),
  copyMemory: z.number(),
});
export type Roofline = z.infer<typeof rooflineSchema>;

/** By number of threads; empty, with the reason printed, where it cannot be built. */
export async function measureRoofline(
  folder: string,
  threadCounts: readonly number[],
): Promise<ReadonlyMap<number, Roofline>> {
  const program = join(folder, "roofline");
  try {
    await run("cc", [...FLAGS, "-o", program, SOURCE]);
  } catch (error) {
    console.log(`roofline: left out (${(error as Error).message.split("\n")[0]})`);
    return new Map();
  }
  const measured = new Map<number, Roofline>();
  for (const threads of threadCounts) {
    measured.set(threads, rooflineSchema.parse(JSON.parse((await run(program, [`${threads}`])).stdout)));
  }
  return measured;
}

export function printRoofline(measured: ReadonlyMap<number, Roofline>): void {
  console.log(
    "\nWhat this processor can do. GFLOPS of multiply, then add: in registers, with one operand of each from",
  );
  console.log("L1 (16 KiB), from L2 (256 KiB). GB/s, read + written, of a copy from and to 256 KiB, 3 MiB, 128 MiB.\n");
  console.log(
    "| threads | registers | L1 | L2 | copy 256 KiB | copy 3 MiB | copy 128 MiB |\n|---|---|---|---|---|---|---|",
  );
  for (const [threads, { peak, l1, l2, copyL2, copyL3, copyMemory }] of measured) {
    const cells = [peak, l1, l2, copyL2, copyL3, copyMemory].map((value) => value.toFixed(0));
    console.log(`| ${threads} | ${cells.join(" | ")} |`);
  }
}
