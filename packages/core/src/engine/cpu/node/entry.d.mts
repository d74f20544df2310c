/** Which build of the kernels to enter. */
export type Build = { readonly module: WebAssembly.Module } | { readonly library: string };

/** The two functions that kernels/kernels.c exports, over one memory. */
export interface Entry {
  run(control: number, call: number, shares: number, program: number, count: number): void;
  /** A generation, as an unsigned integer. */
  serve(control: number, call: number, shares: number): number;
}

/** stackTop: byte offset of this thread's own stack; native code brings its own. */
export function enter(build: Build, memory: WebAssembly.Memory, stackTop: number): Promise<Entry>;
