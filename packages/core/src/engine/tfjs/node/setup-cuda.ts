/**
 * `npm run setup:cuda`: installs @tensorflow/tfjs-node-gpu, the optional peer that the cuda engine runs on, and says whether
 * the engine opens then. Where the wrong Node, the wrong platform or (on Linux) no NVIDIA driver rules the engine out, nothing
 * is downloaded, unless `-- --force` asks for it. CUDA's own libraries are looked for afterwards.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs-core";
import { Problem } from "../../../problem.ts";
import { obstacle, openCudaEngine, PACKAGE } from "./cuda.ts";

const root = fileURLToPath(new URL("../../../../../../", import.meta.url));

async function setUp(): Promise<string> {
  const why = process.argv.includes("--force") ? null : obstacle();
  if (why)
    throw new Problem("engine-unavailable", `${why}; nothing was downloaded (-- --force downloads all the same)`);
  // its kernels are registered with tfjs-core: both have to be of one version
  const wanted = `${PACKAGE}@${tf.version_core}`;
  console.log(`Installing ${wanted}: it downloads about 400 MB …`);
  const windows = process.platform === "win32"; // where npm is a script
  const npm = spawn("npm", ["install", "--no-save", wanted], { cwd: root, stdio: "inherit", shell: windows });
  const exit = await new Promise((done, fail) => npm.on("error", fail).on("close", done));
  if (exit !== 0) throw new Problem("engine-unavailable", `npm install ${wanted} ended with code ${exit}`);
  const { engine } = await openCudaEngine();
  return `The cuda engine is there: ${engine.device}. (When npm install takes the package away again, run this again.)`;
}

try {
  console.log(await setUp());
} catch (error) {
  if (!(error instanceof Problem)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
