/**
 * The native build of the kernels: made by the system's C compiler at first use, for this very processor, and kept in a
 * folder that only this user can write. The file's name says what it was made from; its digest is checked before it is
 * loaded, as loading it runs it.
 */
import { execFile } from "node:child_process";
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { readSources, SOURCE_FOLDER, sha256 } from "./sources.ts";

const run = promisify(execFile);
const FLAGS = ["-O3", "-march=native", "-ffp-contract=off", "-fno-math-errno", "-fPIC", "-shared"];

/** A library to load, with what it was made by; or why there is none. */
export type NativeBuild =
  | { readonly library: string; readonly compiler: string; readonly flags: readonly string[] }
  | { readonly missing: string };

/** Builds the library unless `cacheDir` has it. */
export async function buildNative(cacheDir: string): Promise<NativeBuild> {
  if (process.platform === "win32") return { missing: "native code is not built on Windows" };
  let compiler: string;
  try {
    compiler = (await run("cc", ["--version"])).stdout;
  } catch (error) {
    return { missing: `no C compiler (${hasCode(error, "ENOENT") ? "cc not found" : `cc: ${firstLine(error)}`})` };
  }
  const folder = join(cacheDir, "kernels");
  const closed = await privateFolder(folder);
  if (closed) return { missing: closed };
  const made = sha256(JSON.stringify([await readSources(), FLAGS, compiler, process.arch, await processor()]));
  const library = join(folder, `${made.slice(0, 32)}.so`);
  const built = { library, compiler: compiler.split("\n")[0]!, flags: FLAGS };
  if (await isWhole(library)) return built;
  const temporary = `${library}.${process.pid}`;
  try {
    await run("cc", [...FLAGS, "-o", temporary, fileURLToPath(new URL("kernels.c", SOURCE_FOLDER))]);
    await writeFile(`${temporary}.sha256`, sha256(await readFile(temporary)), { mode: 0o600 });
    await rename(temporary, library);
    await rename(`${temporary}.sha256`, `${library}.sha256`);
  } catch (error) {
    await rm(temporary, { force: true });
    return { missing: `cc could not build the kernels: ${firstLine(error)}` };
  }
  return (await isWhole(library)) ? built : { missing: `${library} does not have its digest` };
}

/** Makes the folder; the answer is a complaint if somebody else could put a library there. */
async function privateFolder(folder: string): Promise<string | null> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const { uid, mode } = await stat(folder);
    if (uid === process.getuid!() && (mode & 0o077) === 0) return null;
    return `${folder}: expected a folder of this user with mode 700; got mode ${(mode & 0o777).toString(8)} of user ${uid}`;
  } catch (error) {
    return `${folder}: ${firstLine(error)}`;
  }
}

async function isWhole(library: string): Promise<boolean> {
  try {
    const [bytes, digest] = await Promise.all([readFile(library), readFile(`${library}.sha256`, "utf8")]);
    return sha256(bytes) === digest;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}

/** What -march=native sees: model, and on Linux its features, which a virtual machine may hide. */
async function processor(): Promise<string> {
  const model = cpus()[0]?.model ?? "";
  try {
    const lines = (await readFile("/proc/cpuinfo", "utf8")).split("\n");
    return `${model}\n${lines.find((line) => /^(flags|Features)\s*:/.test(line)) ?? ""}`;
  } catch {
    return model; // no /proc: the model says it all
  }
}

const hasCode = (error: unknown, code: string): boolean => (error as NodeJS.ErrnoException).code === code;

function firstLine(error: unknown): string {
  const { stderr, message } = error as Error & { stderr?: string };
  return (stderr?.split("\n").find((line) => line.includes("error")) ?? message).split("\n")[0]!;
}
