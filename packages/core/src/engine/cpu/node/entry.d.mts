/** Which build of the kernels to enter. */
export type Build = { readonly module: WebAssembly.Module } | { readonly library: string };

/** The two functions that kernels/kernels.c exports, over one memory. */
export interface Entry {
  run(control: number, call: number, threads: number, program: number, count: number): void;
  /** A generation, as an unsigned integer. `thread`: from 1. */
  serve(control: number, call: number, thread: number): number;
}

/**
 * stackTop: byte offset of this thread's own stack; native code brings its own. fresh: nobody has written into the memory,
 * so large pages may be asked for.
 */
export function enter(build: Build, memory: WebAssembly.Memory, stackTop: number, fresh?: boolean): Promise<Entry>;
