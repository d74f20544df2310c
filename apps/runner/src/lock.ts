/**
 * One runner a data folder: two would run the same lease twice. The lock is a listening socket, which the system closes
 * with its process however that ends, so there is nothing stale to clear up.
 */
import { createHash } from "node:crypto";
import { realpath, rm } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Problem } from "@ticketmark/core";
import { pause } from "./retry.ts";

/** Held until the process ends. Throws Problem "conflict" when another process holds it. */
export async function lockFolder(folder: string): Promise<Server> {
  const name = `ticketmark-runner-${createHash("sha256")
    .update(await realpath(folder))
    .digest("hex")
    .slice(0, 24)}`;
  const held = () =>
    new Problem(
      "conflict",
      `${folder}: another process is using this folder, a runner or a suite; stop it, or give another folder`,
    );
  // Linux: an abstract name, no file. Windows: a pipe, no file. Elsewhere: a file, removed when nobody answers behind it.
  if (process.platform === "linux" || process.platform === "win32") {
    return listen(process.platform === "linux" ? `\0${name}` : `\\\\.\\pipe\\${name}`, held);
  }
  const path = join(tmpdir(), `${name}.sock`);
  if (await answers(path)) throw held();
  await rm(path, { force: true });
  return listen(path, held);
}

/** How often it is looked whether another process is done. */
const WAIT_MS = 500;

/** Waits until no other process holds the folder; `waiting` is called meanwhile. Throws what `signal` is aborted with. */
export async function lockWhenFree(
  folder: string,
  signal: AbortSignal,
  waiting?: () => Promise<void>,
): Promise<Server> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await lockFolder(folder);
    } catch (error) {
      if (!(error instanceof Problem && error.code === "conflict")) throw error;
    }
    await waiting?.();
    await pause(WAIT_MS, signal);
  }
}

function listen(path: string, held: () => Problem): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) => reject(error.code === "EADDRINUSE" ? held() : error));
    server.listen(path, () => resolve(server.unref()));
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
