/** A TensorFlow.js backend that was opened. */
import * as tf from "@tensorflow/tfjs-core";
import type { Problem } from "../../problem.ts";
import type { EngineId } from "../index.ts";

export interface Backend {
  readonly id: EngineId;
  /** What tfjs calls it; registered, and started without waiting. */
  readonly name: string;
  readonly device: string;
  /** Bytes of the largest tensor that fits into one of its buffers; null = no such limit. */
  readonly largestTensor: number | null;
  /** Resolves when the device is through the work it has been sent so far. */
  done(): Promise<unknown>;
  /** What went wrong on the device since it was opened: it does not say so where it was asked. */
  fault(): Problem | null;
}

// tfjs's own way to be quiet: no banner, no advice on the console.
tf.env().set("PROD", true);

/** tfjs has one current backend a process, and several may be open: whoever is about to compute says which. */
export function use({ name }: Backend): void {
  void tf.setBackend(name); // does all it has to before it returns, since the backend was started
  if (tf.getBackend() !== name) throw new Error(`tfjs computes on ${tf.getBackend()}, not on ${name}`);
}
