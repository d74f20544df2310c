/** What a result says about the machine it was computed on. */
import { arch, availableParallelism, cpus, release, totalmem, type } from "node:os";
import type { Environment } from "@ticketmark/core";

/** `reason`: how the engine was chosen. */
export function describeEnvironment(engine: { id: string; device: string }, reason: string): Environment {
  const bounded = (text: string) => text.trim().slice(0, 500);
  return {
    engine: engine.id,
    device: bounded(engine.device),
    reason: bounded(reason),
    os: bounded(`${type()} ${release()}`),
    arch: arch(),
    cpu: bounded(cpus()[0]?.model ?? "unknown"),
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    node: process.versions.node,
  };
}
