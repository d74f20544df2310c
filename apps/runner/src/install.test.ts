import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { projectFiles } from "./checkout-fixture.ts";
import { install, readManifest, registriesIn } from "./install.ts";
import { openMirror } from "./mirror.ts";
import { temporaryFolder, testRepository } from "./mirror-fixture.ts";

it("takes of a commit's .npmrc the registries, and nothing that is expanded", () => {
  const lines = [
    ...["registry=https://npm.example/a/", " @own.scope:registry = http://127.0.0.1:4873 ", "git=/tmp/evil"],
    ...[`registry=https://npm.example/\${HTTPS_PROXY}`, "registry=/etc", `//npm.example/:_authToken=\${TOKEN}`],
    ...["[section]", "registry[]=https://npm.example", "script-shell=/tmp/evil", "; registry=https://other.example"],
  ];
  const kept = ["registry=https://npm.example/a/", "@own.scope:registry=http://127.0.0.1:4873"];
  expect(registriesIn(Buffer.from(lines.join("\r\n")))).toEqual(kept);
  expect(registriesIn(Buffer.from([0xff, 0]))).toEqual([]);
});

it("runs no program that a commit's .npmrc names", async () => {
  const folder = temporaryFolder();
  const [note, evil] = [join(folder, "ran"), join(folder, "git")];
  await writeFile(evil, `#!/bin/sh\ntouch ${note}\nexec git "$@"\n`, { mode: 0o755 });
  const library = testRepository();
  await library.commit({ "package.json": JSON.stringify({ name: "library", version: "1.0.0" }) });
  const source = testRepository();
  const files = projectFiles(1);
  const runner = JSON.parse(files["apps/runner/package.json"]!);
  runner.dependencies.library = `git+file://${library.folder}`;
  const commit = await source.commit({
    ...files,
    "apps/runner/package.json": JSON.stringify(runner),
    ".npmrc": `git=${evil}\n`,
  });
  const mirror = await openMirror(join(folder, "mirror"), source.folder, process.env);
  await mirror.fetch();
  const manifest = await readManifest(mirror, commit);
  const [installed, home, tmp] = ["install", "home", "tmp"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [installed, home, tmp]) await mkdir(path);
  // As it would be where a person's own settings name one.
  await writeFile(join(home, ".npmrc"), `git=${evil}\n`);
  await install(manifest, installed, { environment: process.env, folders: { home, tmp }, signal: undefined });
  expect(existsSync(join(installed, "node_modules/library/package.json"))).toBe(true);
  expect(existsSync(note)).toBe(false);
});
