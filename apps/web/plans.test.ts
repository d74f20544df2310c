import { parseSpec, type SpecInput } from "@ticketmark/core";
import { expect, test } from "vitest";
import { planOf } from "./plans.ts";

const spec = (change: Partial<SpecInput> = {}) =>
  parseSpec({ dataset: "toy", model: "mlp-tiny", method: "random", sparsity: 0.5, ...change });

test("a group is planned once, however many ask at the same time; another group is another plan", async () => {
  const [first, second] = [planOf(spec({ seed: 1 })), planOf(spec({ seed: 2 }))];
  expect(await second).toBe(await first);
  expect(await planOf(spec({ recipe: { epochs: 7 } }))).not.toEqual(await first);
});

test("a refusal is not kept, and the least wanted plan goes when there are many", async () => {
  const refused = spec({ method: "lth", recipe: { epochs: 10_000 } });
  const asked = planOf(refused);
  await expect(asked).rejects.toThrow(/evaluations/);
  expect(planOf(refused)).not.toBe(asked);
  await expect(planOf(refused)).rejects.toThrow(/evaluations/);

  const first = planOf(spec());
  for (let epochs = 1; epochs <= 500; epochs++)
    await planOf(spec({ method: "dense", sparsity: 0, recipe: { epochs } }));
  expect(planOf(spec())).not.toBe(first);
});
