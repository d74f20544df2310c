/**
 * One process on a PGlite folder. PGlite itself refuses nobody, and rows are lost: so the site listens on a Unix socket
 * beside the folder for as long as it has the database open. The kernel ends the listening when the process dies,
 * however it dies; only a dead socket file is left behind, which nobody can mistake for a holder.
 *
 * Taking the lock: listen on a name of one's own FIRST, then look for other listeners. Of two that try at once, the one
 * that listened later sees the other, so both never pass (both may back off: then they try again after a random pause).
 * Only a holder removes dead files; whoever loses his own file that way (seen after the others were asked) tries again.
 */
import { createHash, randomInt, randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Problem } from "@ticketmark/core";

/** sun_path holds 104 bytes on macOS, 108 on Linux, with the final zero. */
const MAX_SOCKET_PATH = 103;
const TRIES = 8;

export interface Lock {
  release(): Promise<void>;
}

/** Throws Problem "database-unavailable" when another process holds `folder` (which must exist). */
export async function lockFolder(folder: string): Promise<Lock> {
  const sockets = socketFolder(realpathSync(folder));
  for (let left = TRIES; ; left--) {
    const own = `${randomUUID().slice(0, 13)}.sock`;
    const server = await listen(join(sockets, own));
    const others = await Promise.all(
      names(sockets)
        .filter((name) => name !== own)
        .map(async (name) => ({ name, holder: await ask(join(sockets, name)) })),
    );
    const holder = others.find((other) => other.holder !== null)?.holder;
    if (holder === undefined && names(sockets).includes(own)) {
      for (const { name } of others) rmSync(join(sockets, name), { force: true });
      return { release: () => close(server) };
    }
    await close(server);
    if (left === 1)
      throw new Problem(
        "database-unavailable",
        `${folder} is in use by another process${holder ? ` (${holder})` : ""}: stop it, set TICKETMARK_DATA to another folder, or set POSTGRES_URL to a postgres:// address, which many may share`,
      );
    await sleep(randomInt(5, 50));
  }
}

/** Beside the folder, never inside (initdb wants it empty); in /tmp where that path is too long for a socket. */
function socketFolder(folder: string): string {
  const beside = `${folder}.lock`;
  const fits = Buffer.byteLength(join(beside, `${"x".repeat(13)}.sock`)) <= MAX_SOCKET_PATH;
  const hash = createHash("sha256").update(folder).digest("hex").slice(0, 32);
  const path = fits ? beside : `/tmp/ticketmark-${hash}.lock`; // not os.tmpdir(): two processes may have two of them
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return path;
}

const names = (folder: string) => readdirSync(folder).filter((name) => name.endsWith(".sock"));

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.on("error", () => {}).end(`process ${process.pid}`));
    server.unref();
    server.once("error", reject);
    server.listen(path, () => resolve(server));
  });
}

const close = (server: Server) => new Promise<void>((resolve) => server.close(() => resolve()));

/** Who listens there; null = nobody: the file is dead or gone. Whatever is unclear counts as a holder. */
function ask(path: string): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let answer = "";
    const end = () => resolve(answer);
    socket.setEncoding("utf8").setTimeout(500, () => socket.destroy());
    socket.on("data", (text) => {
      answer = `${answer}${text}`.slice(0, 100);
    });
    socket.on("close", end);
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve(null);
    });
  });
}
