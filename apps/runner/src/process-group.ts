/**
 * A child process in a process group of its own: killed whole, with whatever it started, and at its end in bounded time.
 * A process that it started in another group outlives it and may hold its output open for ever: nobody waits for that.
 */
import type { ChildProcess } from "node:child_process";

/** For `spawn`: its own process group (on Windows: a console window). */
export const OWN_GROUP = process.platform !== "win32";

/** For what is still in the pipes of a process that has ended, and for the system to end one that was killed. */
const GRACE_MS = 2_000;

export interface End {
  /** Null when a signal ended it, or it never began. */
  readonly exit: number | null;
  /** For messages: "ended with exit code 1". */
  readonly how: string;
}

export interface Watched {
  /** Never rejects. Resolves when the process and its output have ended, or a grace after its end, or after a kill. */
  readonly ended: Promise<End>;
  /** Kills the group. What of it cannot be killed is waited for no longer. */
  kill(): void;
}

/** Call it right behind `spawn` with OWN_GROUP. At the end its streams are closed, whoever else holds them. */
export function watch(child: ChildProcess): Watched {
  let settle: (end: End) => void = () => {};
  let over = false;
  const ended = new Promise<End>((resolve) => {
    settle = (end) => {
      over = true;
      resolve(end);
    };
  });
  const describe = (exit: number | null, by: string | null): End => ({
    exit,
    how: by ? `ended by ${by}` : `ended with exit code ${exit}`,
  });
  let last: End = { exit: null, how: "was killed, and did not end" };
  let patience: NodeJS.Timeout | undefined;
  const letGo = () => {
    for (const stream of child.stdio) stream?.destroy();
    child.unref();
    settle(last);
  };
  const kill = () => {
    if (over) return; // its number may be another's by now
    killGroup(child);
    patience ??= setTimeout(letGo, GRACE_MS);
  };
  child.once("error", (error) => settle({ exit: null, how: `could not be started: ${error.message}` }));
  child.once("exit", (exit, by) => {
    last = describe(exit, by);
    clearTimeout(patience);
    killGroup(child); // what it left behind would hold its output open
    patience = setTimeout(letGo, GRACE_MS);
  });
  child.once("close", (exit, by) => {
    clearTimeout(patience);
    settle(describe(exit, by));
  });
  return { ended, kill };
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === "win32") child.kill("SIGKILL");
    else process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ESRCH" && code !== "EPERM") throw error; // gone already; macOS says EPERM of what only waits to be reaped
  }
}
