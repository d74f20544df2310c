import { methods, Problem } from "@ticketmark/core";
import { expect, test, vi } from "vitest";
import { newJob } from "./new-job.ts";

test("a spec that starts from a file of its own is not queued, and what to do instead is said", async () => {
  const spec = { dataset: "toy", model: "mlp-tiny", method: "dense" };
  const queue = (input: object) => newJob({ spec: input, engine: "auto", priority: 0, createdBy: "a test" });
  expect((await queue(spec)).spec).toMatchObject({ method: { id: "dense" } });
  const refused = queue({ ...spec, initial: "ab".repeat(32) });
  await expect(refused).rejects.toBeInstanceOf(Problem);
  await expect(refused).rejects.toThrow(/^initial: .*ticketmark run SPEC --initial FILE/);
});

test("seeds of a spec are counted once", async () => {
  const counted = vi.spyOn(methods.get("random"), "findTicket");
  const spec = { dataset: "toy", model: "mlp-tiny", method: "random", sparsity: 0.4 };
  for (const seed of [0, 1, 2])
    await newJob({ spec: { ...spec, seed }, engine: "auto", priority: 0, createdBy: "a test" });
  expect(counted).toHaveBeenCalledTimes(1);
  counted.mockRestore();
});
