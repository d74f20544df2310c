/** The engine as pages run it: WebAssembly, its sha256 as ETag. */
import { readKernels } from "../../../check/kernels.ts";
import { publicReply, route } from "../../../http.ts";

export const { GET } = route({
  GET: async (request) => publicReply(request, await readKernels(), "application/wasm"),
});
