/** The package as a stranger has it: installed into an empty folder, with the README's example as the program. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pack } from "./pack.ts";
import { openCpuEngine } from "./src/engine/cpu/node/open.ts";

const run = promisify(execFile);
const INSTALL_MS = 300_000;
let folder: string;
let example: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ticketmark-pack-"));
  const archive = await pack(folder);
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  await run("npm", ["install", "--ignore-scripts", "--prefer-offline", "--omit=optional", archive], { cwd: folder });
  const readme = await readFile(new URL("README.md", import.meta.url), "utf8");
  example = readme.match(/```js\n([\s\S]*?)```/)![1]!;
}, INSTALL_MS);
afterAll(() => rm(folder, { recursive: true, force: true }));

test("an empty folder with the package runs the README's method, in about twenty lines, twice to one digest", async () => {
  expect(example.trim().split("\n").length).toBeLessThanOrEqual(27);
  await writeFile(join(folder, "example.js"), example);
  const said = async () => (await run(process.execPath, ["example.js"], { cwd: folder })).stdout;
  const first = await said();
  expect(first).toMatch(/correct: 1\d\d, total: 200, loss: [\d.]+ } [0-9a-f]{64}\n$/);
  expect(await said()).toBe(first);
  expect((await openCpuEngine({ cacheDir: join(folder, "cache") })).engine.id).toBe("cpu");
}, 120_000);

test("it has no TypeScript source, no test, and its declarations hold for who writes TypeScript", async () => {
  const inside = (await run("find", [join(folder, "node_modules/@ticketmark/core"), "-type", "f"])).stdout.split("\n");
  expect(inside.filter((path) => /(?<!\.d)\.ts$|\.test\.|golden/.test(path))).toEqual([]);
  await writeFile(
    join(folder, "typed.ts"),
    `import { methods, parseSpec, type Method, type Spec } from "@ticketmark/core";
     import { runJob, type RunOptions } from "@ticketmark/core/run";
     export const rst: Method = methods.get("rst");
     export const spec: Spec = parseSpec({ dataset: "toy", model: "mlp-tiny", method: "rst", sparsity: 0.5 });
     export const go = (options: RunOptions) => runJob(spec, options);
     // @ts-expect-error a sparsity is a number
     export const wrong: Spec["sparsity"] = "half";\n`,
  );
  const repository = createRequire(import.meta.url);
  await mkdir(join(folder, "node_modules/@types"), { recursive: true });
  await symlink(join(repository.resolve("@types/node/package.json"), ".."), join(folder, "node_modules/@types/node"));
  const tsc = join(repository.resolve("typescript/package.json"), "../bin/tsc");
  const options = ["--strict", "--noEmit", "--target", "es2023", "--module", "nodenext", "--types", "node"];
  await run(process.execPath, [tsc, ...options, "typed.ts"], { cwd: folder }).catch(
    (error: Error & { stdout?: string }) => {
      expect.unreachable(error.stdout ?? error.message);
    },
  );
}, 120_000);
