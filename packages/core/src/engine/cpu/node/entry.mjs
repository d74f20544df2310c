// How a thread enters the kernels of either build; used by the calling thread and by helpers. Plain JavaScript, since
// helpers start without a TypeScript loader; types in entry.d.mts.

export async function enter(build, memory, stackTop, fresh = false) {
  if ("library" in build) {
    const { default: koffi } = await import("koffi"); // here: wasm does not need its binary
    const library = koffi.load(build.library);
    const run = library.func("void run(void*, uint32, uint32, uint32, uint32, uint32)");
    const serve = library.func("uint32 serve(void*, uint32, uint32, uint32)");
    const base = new Uint8Array(memory.buffer);
    if (fresh) library.func("void advise(void*, double)")(base, base.byteLength);
    return { run: (...words) => run(base, ...words), serve: (...words) => serve(base, ...words) };
  }
  const { exports } = await WebAssembly.instantiate(build.module, { env: { memory } });
  exports.__stack_pointer.value = stackTop;
  return { run: (...words) => exports.run(0, ...words), serve: (...words) => exports.serve(0, ...words) };
}
