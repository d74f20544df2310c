/**
 * What programs for another commit see of this process's environment: where programs and certificates are, a language,
 * and folders of their own for home and temporary files. No token, no setting of ours, and nothing else that somebody
 * has put there: another commit's code is not this one's. The system's user is the same, so this keeps secrets out of
 * the environment; it is no sandbox.
 */
import { homedir } from "node:os";
import { join } from "node:path";

export type Environment = Readonly<Record<string, string | undefined>>;

const PASSED = ["PATH", "LANG", "LC_ALL", "TZ", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"];
const PASSED_ON_WINDOWS = ["SystemRoot", "SystemDrive", "ComSpec", "PATHEXT", "NUMBER_OF_PROCESSORS"];
/** Ways into the network. They may hold a proxy's password: only our own git and npm get them. */
const NETWORK = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"];

/** The environment of a worker or builder whose folders `home` and `tmp` are. */
export function childEnvironment(given: Environment, { home, tmp }: { home: string; tmp: string }) {
  if (process.platform !== "win32") return { ...pick(given, PASSED), HOME: home, TMPDIR: tmp };
  const folders = { USERPROFILE: home, APPDATA: home, LOCALAPPDATA: home, TEMP: tmp, TMP: tmp };
  return { ...pick(given, [...PASSED, ...PASSED_ON_WINDOWS]), ...folders };
}

/** npm's: the user's own cache of packages, which npm checks against the lockfile's digests, so that installs are quick. */
export function npmEnvironment(given: Environment, folders: { home: string; tmp: string }) {
  const usual =
    process.platform === "win32" && given.LOCALAPPDATA
      ? join(given.LOCALAPPDATA, "npm-cache")
      : join(homedir(), ".npm");
  return {
    ...childEnvironment(given, folders),
    ...pick(given, [...NETWORK, "npm_config_registry"]),
    npm_config_cache: given.npm_config_cache || usual,
    npm_config_update_notifier: "false",
  };
}

/** git's, where it stays on this machine. */
export function gitEnvironment(given: Environment, folders: { home: string; tmp: string }) {
  return {
    ...childEnvironment(given, folders),
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_LFS_SKIP_SMUDGE: "1",
    GIT_LITERAL_PATHSPECS: "1",
  };
}

/**
 * git's, where it fetches. ssh asks nothing: a key that needs a passphrase comes from an agent; it gives up on a host that
 * does not answer.
 */
export function fetchEnvironment(given: Environment, folders: { home: string; tmp: string }) {
  return {
    ...gitEnvironment(given, folders),
    ...pick(given, [...NETWORK, "SSH_AUTH_SOCK"]),
    GIT_SSH_COMMAND: `ssh ${SSH.map((option) => `-o ${option}`).join(" ")}`,
  };
}

const SSH = ["BatchMode=yes", "ConnectTimeout=15", "ServerAliveInterval=15", "ServerAliveCountMax=4"];

const pick = (given: Environment, names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.flatMap((name) => (given[name] ? [[name, given[name]]] : [])));
