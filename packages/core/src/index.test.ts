import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import * as door from "./index.ts";

/** Everything a file brings with it when it is imported, types apart. */
function closure(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, type, target] of readFileSync(file, "utf8").matchAll(
    /^(?:import|export)\s+(type\s)?[^;"]*?from\s*"([^"]+)";/gm,
  )) {
    if (type) continue;
    if (target!.startsWith(".")) closure(join(dirname(file), target!), found);
    else found.add(target!);
  }
  return found;
}
const source = fileURLToPath(new URL(".", import.meta.url));
const reached = (name: string) => [...closure(join(source, name))].map((path) => path.replace(source, ""));

test("the light door brings no engine, no training and no native code with it", () => {
  const files = reached("index.ts");
  expect(files).toContain("methods/rst.ts");
  const heavy =
    /^(engine\/(?!(numerics|index|pins)\.ts)|training\/(?!recipe\.ts)|node:|koffi|run(-job)?\.ts|replay\.ts|verify\.ts)/;
  expect(files.filter((file) => heavy.test(file))).toEqual([]);
});

test("the verify door runs in a browser: no node, no native code", () => {
  const files = reached("verify.ts");
  expect(files).toContain("engine/cpu/wasm.ts");
  expect(files.filter((file) => /^(node:|koffi|engine\/cpu\/node\/)/.test(file))).toEqual([]);
});

test("the list of engines is what jobs may ask for", () => {
  expect(door.ENGINE_CHOICES).toEqual(["auto", ...door.engines.ids]);
  expect(door.engines.ids).toContain(door.CLAIM_ENGINE);
  expect(() => door.engines.get("gpu")).toThrow(door.Problem);
});

test("the light door has what site and runner build on", () => {
  for (const name of ["parseSpec", "plan", "methods", "suites", "resultSchema", "signStatement", "readTicketFile"])
    expect(door).toHaveProperty(name);
});
