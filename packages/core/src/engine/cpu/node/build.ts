/**
 * Builds the kernels to packages/core/build/kernels.wasm with @yowasp/clang (a Clang that runs in Node, so no compiler
 * need be installed), unless the build that is there came from the same source, flags and compiler. As a script it
 * does that and prints one line.
 *
 * The threads' flags are part of every build: one file serves pages, workers and the site. Relaxed SIMD stays off, as its
 * results differ between CPUs.
 */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { Problem } from "../../../problem.ts";
import { readSources, sha256 } from "./sources.ts";

const FOLDER = new URL("../../../../build/", import.meta.url);
const FLAGS = [
  "--target=wasm32",
  "-O3",
  "-ffp-contract=off",
  "-fno-math-errno",
  "-msimd128",
  "-matomics",
  "-mbulk-memory",
  "-nostdlib",
  "-Wall",
  "-Werror",
  "-Wl,--no-entry",
  "-Wl,--import-memory",
  "-Wl,--shared-memory",
  "-Wl,--max-memory=4294967296",
  "-Wl,--export=__stack_pointer",
  "-Wl,--export=__heap_base",
];

export interface BuiltKernels {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** False if the build that was there could be used. */
  readonly built: boolean;
}

/** The kernels' wasm, built when missing or stale. Throws Problem "engine-unavailable" if it cannot be built. */
export async function buildKernels(): Promise<BuiltKernels> {
  const sources = await readSources();
  const wanted = sha256(JSON.stringify([sources, FLAGS, compilerVersion()]));
  const wasm = new URL("kernels.wasm", FOLDER);
  const note = new URL("kernels.wasm.sha256", FOLDER); // of what went in, and of the file
  const [bytes, line] = await Promise.all([readOrNull(wasm), readOrNull(note)]);
  if (bytes && line && line.toString() === `${wanted} ${sha256(bytes)}\n`)
    return { bytes: new Uint8Array(bytes), built: false };
  const fresh = await compile(sources);
  await mkdir(FOLDER, { recursive: true });
  await writeAtomically(wasm, fresh);
  await writeAtomically(note, `${wanted} ${sha256(fresh)}\n`);
  return { bytes: fresh, built: true };
}

async function compile(sources: Record<string, string>): Promise<Uint8Array<ArrayBuffer>> {
  let said = "";
  const decoder = new TextDecoder();
  const listen = (bytes: Uint8Array | null) => {
    if (bytes) said += decoder.decode(bytes, { stream: true });
  };
  try {
    const { commands, runLLVM } = await import("@yowasp/clang");
    await runLLVM(undefined, undefined, { fetchProgress: () => {} }); // unpacks itself, quietly
    const out = await commands.clang([...FLAGS, "kernels.c", "-o", "kernels.wasm"], sources, {
      stdout: listen,
      stderr: listen,
    });
    return new Uint8Array(out?.["kernels.wasm"] as Uint8Array);
  } catch (cause) {
    throw new Problem("engine-unavailable", `kernels.c: expected @yowasp/clang to build it; got: ${said || cause}`, {
      cause,
    });
  }
}

/** Of the compiler that is asked for, which a packed package names and does not have. */
function compilerVersion(): string {
  const { devDependencies } = createRequire(import.meta.url)("../../../../package.json") as {
    devDependencies: Record<string, string>;
  };
  return devDependencies["@yowasp/clang"]!;
}

async function readOrNull(file: URL): Promise<Buffer | null> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Readers see the old file or the new one, never half of it, whoever else is building. */
async function writeAtomically(file: URL, content: string | Uint8Array): Promise<void> {
  const temporary = new URL(`${file.href}.${process.pid}`);
  await writeFile(temporary, content);
  await rename(temporary, file);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { bytes, built } = await buildKernels();
  console.log(`kernels.wasm: ${bytes.length} bytes, ${built ? "built" : "up to date"}`);
}
