/**
 * Who may import whom, which calls may not appear where, and a few rules of the house: walked over all sources, so that
 * nobody has to remember them. The rules are ARCHITECTURE.md's. Each is a function from a file to complaints; below, each
 * is shown a file that breaks it.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const GENERATED =
  /(^|\/)(node_modules|\.git|\.next|\.data|\.tmp|build|test-results|playwright-report|next-env\.d\.ts)(\/|$)/;

interface Source {
  /** From the repository's root, with "/". */
  readonly path: string;
  readonly text: string;
}

const walk = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (GENERATED.test(path)) return [];
    return entry.isDirectory() ? walk(path) : entry.isFile() ? [path] : [];
  });

const files = walk("");
const read = (path: string): Source => ({ path, text: readFileSync(join(root, path), "utf8") });
const isCode = (path: string) => /\.(tsx?|mjs|js|c)$/.test(path);
const isTest = (path: string) => /\.test\.tsx?$/.test(path);

/** Text without comments and strings. Without a parser: a regular expression literal that holds a quote may confuse it. */
const bare = (text: string) =>
  text.replace(/\/\*[\s\S]*?\*\/|\/\/.*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g, (match) =>
    match.startsWith("/") ? " " : '""',
  );

interface Import {
  /** What is written after `from`; relative ones as a path from the repository's root. */
  readonly target: string;
  /** `import type`, erased before anything runs. */
  readonly typeOnly: boolean;
}

function importsOf({ path, text }: Source): Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*/gm, "");
  const written = [
    ...code.matchAll(/^\s*(?:import|export)\s+(type\s)?[^;"'()]*?from\s*["']([^"']+)["']/gm),
    ...code.matchAll(/^\s*import\s+()["']([^"']+)["']/gm),
    ...code.matchAll(/\b(?:import|require|resolve)\(\s*()["']([^"']+)["']/g),
  ];
  return written.map(([, type, name]) => ({
    target: name!.startsWith(".") ? normalize(join(dirname(path), name!)).replaceAll("\\", "/") : name!,
    typeOnly: Boolean(type),
  }));
}

// ------------------------------------------------------------------------------------------------- rules

type Rule = (source: Source) => string[];

const forbid = (source: Source, allowed: (i: Import) => boolean, why: string) =>
  importsOf(source)
    .filter((i) => !allowed(i))
    .map((i) => `imports ${i.target}: ${why}`);

const inCore = (path: string) => path.startsWith("packages/core/");
const NODE_SIDE = /^packages\/core\/(pack\.ts$|(bench|golden|src\/(engine\/(cpu|tfjs)|training)\/node)\/)/;
const CORE_LISTS = /^packages\/core\/src\/(methods|models|datasets|suites)\//;
const METHODS = "packages/core/src/methods/";
/** What a result's bits depend on: all of core, but for the engines on devices. Scores come from the reference engine. */
const COMPUTE = /^packages\/core\/src\/(?!engine\/tfjs\/)/;

const rules: Record<string, Rule> = {
  "the site uses core's light door, and the verify door only where it checks": (source) => {
    if (!source.path.startsWith("apps/web/")) return [];
    const mayCheck = source.path.startsWith("apps/web/check/") || isTest(source.path);
    const doors = mayCheck
      ? ["@ticketmark/core", "@ticketmark/core/verify", "@ticketmark/core/run"]
      : ["@ticketmark/core"];
    if (mayCheck && !isTest(source.path)) doors.pop();
    return forbid(
      source,
      ({ target }) => !target.startsWith("@ticketmark/") || doors.includes(target),
      `allowed here: ${doors.join(", ")}`,
    );
  },
  "the runner uses core's doors": (source) =>
    source.path.startsWith("apps/runner/")
      ? forbid(
          source,
          ({ target }) => !target.startsWith("@ticketmark/") || /^@ticketmark\/core(\/run|\/verify)?$/.test(target),
          "allowed: @ticketmark/core, /run, /verify",
        )
      : [],
  "packages and apps reach each other by name, never by path": (source) => {
    const home = source.path.match(/^(packages|apps)\/[^/]+\//)?.[0];
    if (!home) return [];
    const inside = ({ target }: Import) =>
      !/^(packages|apps|e2e|\.\.)(\/|$)/.test(target) || target.startsWith(home) || /package\.json$/.test(target);
    return forbid(source, inside, `leaves ${home}`);
  },
  "core imports no app, and node: only on its node side": (source) => {
    if (!inCore(source.path)) return [];
    const nodeSide = NODE_SIDE.test(source.path) || isTest(source.path);
    return forbid(
      source,
      ({ target }) => !/^@ticketmark\/(web|runner)/.test(target) && (nodeSide || !target.startsWith("node:")),
      "core also runs in browsers",
    );
  },
  "methods, models, data sets and suites know no engine and no training": (source) => {
    if (!CORE_LISTS.test(source.path) || isTest(source.path)) return [];
    return forbid(
      source,
      ({ target, typeOnly }) =>
        typeOnly ||
        target === "packages/core/src/training/recipe.ts" ||
        !/^packages\/core\/src\/(engine|training)\//.test(target),
      "they are lists of what can be run, not of how",
    );
  },
  "a method knows masks and draws, and nothing that could lead it to a test set": (source) => {
    if (!source.path.startsWith(METHODS) || isTest(source.path)) return [];
    const core = /^packages\/core\/src\/(mask|rng|power|problem|registry|training\/recipe)\.ts$/;
    const types = /^packages\/core\/src\/(weights|layers|scope)\.ts$/;
    return forbid(
      source,
      ({ target, typeOnly }) =>
        target === "zod" || target.startsWith(METHODS) || core.test(target) || (typeOnly && types.test(target)),
      "what a method needs comes with its DenseNetwork",
    );
  },
  "only engine/tfjs imports TensorFlow, only apps/web/db drizzle": (source) => {
    if (!/^(packages|apps)\//.test(source.path)) return [];
    const allowed = ({ target }: Import) =>
      (!target.startsWith("@tensorflow/") || source.path.startsWith("packages/core/src/engine/tfjs/")) &&
      (!target.startsWith("drizzle-orm") || source.path.startsWith("apps/web/db/"));
    return forbid(source, allowed, "see ARCHITECTURE.md");
  },
  "process.env is read in two files": ({ path, text }) => {
    if (!/^(packages|apps)\//.test(path) || isTest(path)) return [];
    if (path === "apps/web/env.ts" || path === "apps/runner/src/settings.ts") return [];
    const code = bare(text)
      .replaceAll("process.env.NEXT_RUNTIME", "NEXT_RUNTIME") // a constant that Next's build fills in
      .replaceAll("process.env.NVIDIA_TF32_OVERRIDE ??=", "NVIDIA_TF32_OVERRIDE ="); // set for NVIDIA's libraries
    return /\bprocess\s*\.\s*env\b/.test(code) ? ["reads process.env: apps/web/env.ts and settings.ts do"] : [];
  },
  "nothing that differs between JavaScript engines or runs enters a result's bits": ({ path, text }) => {
    if (!COMPUTE.test(path) || isTest(path)) return [];
    const code = bare(text);
    const exact = /^(abs|ceil|clz32|floor|fround|imul|max|min|round|sign|sqrt|trunc|PI|E|LN2|SQRT2)$/;
    const inexact = [...code.matchAll(/\bMath\.(\w+)/g)].map((m) => m[1]!).filter((name) => !exact.test(name));
    const clocks = code.match(/\b(Date\.now|new Date|performance\.now)\b/g) ?? [];
    const powers = /\.(c|md)$/.test(path) ? [] : (code.match(/\*\*/g) ?? []);
    return [...inexact.map((name) => `Math.${name}`), ...clocks, ...powers].map((call) => `uses ${call}`);
  },
  "no registry's host name, no developer's folder": ({ path, text }) => {
    const host = text.match(/\bregistry\.(?!ts\b|js\b)[a-z0-9-]+\.[a-z]{2,}|"resolved":\s*"http[^"]*/);
    const folder =
      path === "LICENSE" ? null : text.match(/(^|[\s"'`(=])\/(home|Users|work)\/[a-z]\S*|[A-Z]:\\Users\\\S*/);
    return [host?.[0], folder?.[0]].filter((found) => found !== undefined).map((found) => `names ${found.trim()}`);
  },
  "a file has at most 400 lines, ARCHITECTURE.md 150": ({ path, text }) => {
    const most = path === "ARCHITECTURE.md" ? 150 : isCode(path) ? 400 : Number.POSITIVE_INFINITY;
    const lines = text.trimEnd().split("\n").length;
    return lines > most ? [`has ${lines} lines, ${most} are allowed`] : [];
  },
  "no rooms for leftovers": ({ path }) =>
    /(^|\/)(utils?|lib|helpers?|common|services?|misc)(\/|\.[jt]sx?$)/.test(path) ? ["says nothing by its name"] : [],
};

const isText = (path: string) => isCode(path) || /\.(md|json|css|sql|yml|sh)$|(^|\/)(run|\.[a-z]+)$/.test(path);
const sources = files.filter((path) => isText(path) && !path.startsWith("packages/core/golden/")).map(read);

describe("the repository", () => {
  test("is there to be walked", () => {
    expect(sources.length).toBeGreaterThan(30);
    expect(existsSync(join(root, "packages/core/src/boundaries.test.ts"))).toBe(true);
  });
  for (const [name, rule] of Object.entries(rules)) {
    test(name, () => {
      const ours = sources.filter(({ path }) => path !== "packages/core/src/boundaries.test.ts");
      expect(ours.flatMap((source) => rule(source).map((complaint) => `${source.path} ${complaint}`))).toEqual([]);
    });
  }
});

describe("each rule notices what it forbids, and nothing else", () => {
  const breaks: [keyof typeof rules, path: string, bad: string, good: string][] = [
    [
      "the site uses core's light door, and the verify door only where it checks",
      "apps/web/app/page.tsx",
      'import { runJob } from "@ticketmark/core/run";',
      'import { specDigest } from "@ticketmark/core";',
    ],
    [
      "the site uses core's light door, and the verify door only where it checks",
      "apps/web/db/jobs.ts",
      'const v = await import("@ticketmark/core/verify");',
      '// import("@ticketmark/core/verify")',
    ],
    [
      "the site uses core's light door, and the verify door only where it checks",
      "apps/web/check/queue.ts",
      'import "@ticketmark/core/run";',
      'import { recompute } from "@ticketmark/core/verify";',
    ],
    [
      "the runner uses core's doors",
      "apps/runner/src/loop.ts",
      'export * from "@ticketmark/core/src/mask.ts";',
      'import { runJob } from "@ticketmark/core/run";',
    ],
    [
      "packages and apps reach each other by name, never by path",
      "apps/runner/src/loop.ts",
      'import { open } from "../../web/db/client.ts";',
      'import { claim } from "./client.ts";',
    ],
    [
      "packages and apps reach each other by name, never by path",
      "packages/core/src/rng.ts",
      'import {\n  a,\n  b,\n} from "../../../apps/runner/src/keys.ts";',
      'import { z } from "zod";',
    ],
    [
      "core imports no app, and node: only on its node side",
      "packages/core/src/tensor-file.ts",
      'import { readFile } from "node:fs/promises";',
      'import { readFile } from "./reader.ts";',
    ],
    [
      "methods, models, data sets and suites know no engine and no training",
      "packages/core/src/methods/rst.ts",
      'import { train } from "../training/train.ts";',
      'import type { Engine } from "../engine/engine.ts";',
    ],
    [
      "a method knows masks and draws, and nothing that could lead it to a test set",
      "packages/core/src/methods/rst.ts",
      'const { datasets } = await import("../datasets/index.ts");',
      'import { pick } from "../mask.ts";\nimport type { Weights } from "../weights.ts";\nimport { z } from "zod";',
    ],
    [
      "a method knows masks and draws, and nothing that could lead it to a test set",
      "packages/core/src/methods/rst.ts",
      'import { runJob } from "../run-job.ts";',
      'import { extrusionStrength } from "./rst-strength.ts";',
    ],
    [
      "a method knows masks and draws, and nothing that could lead it to a test set",
      "packages/core/src/methods/rst.ts",
      'import { readFile } from "node:fs/promises";',
      'import { power } from "../power.ts";',
    ],
    [
      "only engine/tfjs imports TensorFlow, only apps/web/db drizzle",
      "apps/web/app/page.tsx",
      'import { eq } from "drizzle-orm";',
      'import { results } from "../db/results.ts";',
    ],
    [
      "only engine/tfjs imports TensorFlow, only apps/web/db drizzle",
      "packages/core/src/engine/cpu/plan.ts",
      'import * as tf from "@tensorflow/tfjs";',
      'import { plan } from "./tensorflow.ts";',
    ],
    [
      "process.env is read in two files",
      "apps/runner/src/loop.ts",
      "const port = process.env.PORT;",
      "// process.env is read elsewhere",
    ],
    [
      "nothing that differs between JavaScript engines or runs enters a result's bits",
      "packages/core/src/rng.ts",
      "const x = Math.random();",
      "const x = Math.sqrt(2); // not Math.random",
    ],
    [
      "nothing that differs between JavaScript engines or runs enters a result's bits",
      "packages/core/src/methods/rst.ts",
      "const x = 2 ** n;",
      "/** a comment */ const x = n * n;",
    ],
    [
      "nothing that differs between JavaScript engines or runs enters a result's bits",
      "packages/core/src/training/train.ts",
      "const t = Date.now();",
      'throw new Error("Date.now");',
    ],
    [
      "no registry's host name, no developer's folder",
      "README.md",
      `see ${["registry", "example", "org"].join(".")}`,
      "see registry.ts",
    ],
    [
      "no registry's host name, no developer's folder",
      "README.md",
      `cd ${["", "home", "ann", "x"].join("/")}`,
      "cd /tmp/x",
    ],
    ["a file has at most 400 lines, ARCHITECTURE.md 150", "ARCHITECTURE.md", "\nx".repeat(150), "\nx".repeat(149)],
    [
      "a file has at most 400 lines, ARCHITECTURE.md 150",
      "apps/web/app/page.tsx",
      "\nx".repeat(400),
      "\nx".repeat(399),
    ],
    ["no rooms for leftovers", "packages/core/src/utils/x.ts", "", ""],
  ];
  test.each(breaks)("%s: %s", (name, path, bad, good) => {
    expect(rules[name]!({ path, text: bad })).not.toEqual([]);
    if (bad !== good) expect(rules[name]!({ path, text: good })).toEqual([]);
  });
  test("every rule is shown a file that breaks it", () => {
    expect(Object.keys(rules).filter((name) => !breaks.some((row) => row[0] === name))).toEqual([]);
  });
});
