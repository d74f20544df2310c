/**
 * For tests: the least project that a runner can check out, install, build and run, without a network. Its tsx is a
 * workspace of its own, and calls TypeScript files JavaScript.
 */
const json = (value: unknown) => JSON.stringify(value, null, 2);

const WORKER = `import { ANSWER } from "@ticketmark/core";
import { writeFileSync } from "node:fs";
writeFileSync(new URL("../../../../cache-of-the-worker", import.meta.url), "");
console.log(JSON.stringify({ answer: ANSWER, env: process.env, cwd: process.cwd() }));
`;

/** Notes in `built` how often kernels were there when it was called. */
const BUILDER = `import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
const folder = new URL("../../../../build/", import.meta.url);
mkdirSync(folder, { recursive: true });
const built = new URL("built", folder);
writeFileSync(built, (existsSync(built) ? readFileSync(built, "utf8") : "") + (existsSync(new URL("kernels.wasm", folder)) ? "again " : "anew "));
writeFileSync(new URL("kernels.wasm", folder), "x".repeat(1000));
`;

const TSX = `import { register } from "node:module";
const hook = \`import { readFileSync } from "node:fs";
export const load = (url, context, next) => url.endsWith(".ts")
  ? { format: "module", shortCircuit: true, source: readFileSync(new URL(url)) }
  : next(url, context);\`;
register("data:text/javascript," + encodeURIComponent(hook));
`;

/** All files of it, by path; `answer` is what its core exports and its worker prints. */
export function projectFiles(answer: number): Record<string, string> {
  return {
    ".gitignore": "node_modules/\npackages/core/build/\n",
    "package.json": json({ private: true, workspaces: ["packages/core", "apps/runner", "vendor/tsx"] }),
    "package-lock.json": json({ lockfileVersion: 3, requires: true, packages: {} }),
    "packages/core/package.json": json({
      name: "@ticketmark/core",
      version: "0.1.0",
      type: "module",
      exports: { ".": "./src/index.ts" },
    }),
    "packages/core/src/index.ts": `export const ANSWER = ${answer};\n`,
    "packages/core/src/index.test.ts": "// not shipped\n",
    "packages/core/src/engine/cpu/node/build.ts": BUILDER,
    "apps/runner/package.json": json({
      name: "@ticketmark/runner",
      version: "0.1.0",
      type: "module",
      scripts: { install: "exit 1" }, // never run
      dependencies: { "@ticketmark/core": "0.1.0", tsx: "1.0.0" },
    }),
    "apps/runner/src/worker.ts": WORKER,
    "vendor/tsx/package.json": json({ name: "tsx", version: "1.0.0", type: "module", exports: "./index.js" }),
    "vendor/tsx/index.js": TSX,
  };
}
