/**
 * `npm run pack [-- FOLDER]`: core as a package for others: JavaScript and declarations made from the TypeScript source, the
 * kernels' C source (for native builds) and their wasm. Nothing of it is committed.
 */
import { execFile } from "node:child_process";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { buildKernels } from "./src/engine/cpu/node/build.ts";

const run = promisify(execFile);
const here = fileURLToPath(new URL(".", import.meta.url));

/** Makes the package's folder at `build/package`, packs it into `folder`, returns the archive's path. */
export async function pack(folder: string): Promise<string> {
  const built = join(here, "build/package");
  await rm(built, { recursive: true, force: true });
  await mkdir(built, { recursive: true });
  await emit(built);
  await buildKernels();
  await mkdir(join(built, "build"));
  for (const name of ["kernels.wasm", "kernels.wasm.sha256"])
    await cp(join(here, "build", name), join(built, "build", name));
  for (const name of await readdir(join(here, "src"), { recursive: true }))
    if (/\.(c|h|mjs|d\.mts)$/.test(name)) await cp(join(here, "src", name), join(built, "src", name));
  for (const [from, name] of [
    ["../../LICENSE", "LICENSE"],
    ["README.md", "README.md"],
  ] as const)
    await cp(join(here, from), join(built, name));
  await writeFile(join(built, "package.json"), `${JSON.stringify(await manifest(), null, 2)}\n`);
  const { stdout } = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", resolve(folder)], {
    cwd: built,
  });
  const packed = (JSON.parse(stdout) as { filename: string }[])[0]!;
  return join(resolve(folder), packed.filename);
}

/** Every source but the tests, as JavaScript with declarations; imports of .ts become imports of .js. */
async function emit(to: string): Promise<void> {
  const project = join(to, "tsconfig.json");
  const options = {
    ...{ noEmit: false, declaration: true, rewriteRelativeImportExtensions: true },
    ...{ rootDir: join(here, "src"), outDir: join(to, "src") },
  };
  const whole = { extends: join(here, "tsconfig.json"), compilerOptions: options };
  await writeFile(
    project,
    JSON.stringify({ ...whole, include: [join(here, "src/**/*.ts")], exclude: [join(here, "src/**/*.test.ts")] }),
  );
  const tsc = join(createRequire(import.meta.url).resolve("typescript/package.json"), "../bin/tsc");
  await run(process.execPath, [tsc, "-p", project]).catch((error: Error & { stdout?: string }) => {
    throw new Error(`tsc: ${error.stdout ?? error.message}`, { cause: error });
  });
  await rm(project);
}

/** package.json, with doors to JavaScript. */
async function manifest(): Promise<object> {
  const own = JSON.parse(await readFile(join(here, "package.json"), "utf8")) as {
    private?: boolean;
    exports: Record<string, string>;
  };
  const { private: _, exports: doors, ...rest } = own;
  const built = Object.fromEntries(
    Object.entries(doors).map(([door, source]) => [
      door,
      { types: source.replace(/\.ts$/, ".d.ts"), default: source.replace(/\.ts$/, ".js") },
    ]),
  );
  return { ...rest, exports: built, engines: { node: ">=20.19" } };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await pack(process.argv[2] ?? "."));
