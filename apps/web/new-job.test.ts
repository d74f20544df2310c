import { methods, Problem, parseSpec } from "@ticketmark/core";
import { expect, test, vi } from "vitest";
import { newJob, planOf } from "./new-job.ts";

test("a spec that starts from a file of its own is not queued, and what to do instead is said", async () => {
  const spec = { dataset: "toy", model: "mlp-tiny", method: "dense" };
  const queue = (input: object) => newJob({ spec: input, engine: "auto", priority: 0, createdBy: "a test" });
  expect((await queue(spec)).spec).toMatchObject({ method: { id: "dense" } });
  const refused = queue({ ...spec, initial: "ab".repeat(32) });
  await expect(refused).rejects.toBeInstanceOf(Problem);
  await expect(refused).rejects.toThrow(/^initial: .*ticketmark run SPEC --initial FILE/);
});

test("what a spec costs is counted once for all its seeds, and again for another spec", async () => {
  const counted = vi.spyOn(methods.get("random"), "findTicket");
  const spec = { dataset: "toy", model: "mlp-tiny", method: "random", sparsity: 0.5 };
  const costs = [0, 1, 2].map((seed) => planOf(parseSpec({ ...spec, seed })));
  const job = await newJob({ spec: { ...spec, seed: 3 }, engine: "auto", priority: 0, createdBy: "a test" });
  expect(await Promise.all(costs)).toEqual([job.plan, job.plan, job.plan]);
  expect(counted).toHaveBeenCalledTimes(1);
  expect(await planOf(parseSpec({ ...spec, sparsity: 0.9 }))).not.toEqual(job.plan);
  expect(counted).toHaveBeenCalledTimes(2);
  counted.mockRestore();
});

test("a spec whose cost could not be counted is counted again", async () => {
  const spec = parseSpec({ dataset: "toy", model: "mlp-tiny", method: "random", sparsity: 0.6 });
  const counted = vi.spyOn(methods.get("random"), "findTicket").mockRejectedValueOnce(new Problem("bad-spec", "once"));
  await expect(planOf(spec)).rejects.toThrow("once");
  await expect(planOf(spec)).resolves.toMatchObject({ methodIterations: 0 });
  counted.mockRestore();
});
