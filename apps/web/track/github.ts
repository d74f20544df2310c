/**
 * GitHub's REST API, as far as it is used: a check run at a commit (a plain status where the token may not make check
 * runs, which GitHub keeps for apps), and one comment a pull request, written anew in place.
 * https://docs.github.com/en/rest (API version 2022-11-28)
 */
import { Problem } from "@ticketmark/core";
import { z } from "zod";
import type { Env } from "../env.ts";
import { type CheckText, type CommentText, MARKER } from "./github-text.ts";
import { type Answer, ask, isSuccess, type Outgoing, type Patience, unexpected } from "./outgoing.ts";

export interface Github {
  /** Without a slash at its end. */
  readonly api: string;
  readonly token: string;
  /** "owner/name". */
  readonly repository: string;
}

/** Check runs and statuses of one name replace each other. */
const NAME = "ticketmark";
/** Comments a page, and pages that are looked through for ours. */
const PER_PAGE = 100;
const MAX_PAGES = 20;
/** Most that is read of an answer: a hundred of GitHub's longest comments fit. */
const MAX_ANSWER_BYTES = 16 << 20;
/** GitHub's longest description of a status. */
const MAX_DESCRIPTION = 140;

/** Null where no token is set, or the followed repository is none of GitHub's (github.com, or the host of its API). */
export function githubOf({ github, repository }: Pick<Env, "github" | "repository">): Github | null {
  if (github === null || repository === null) return null;
  const [, host, path] =
    repository.match(/^(?:https?|ssh|git):\/\/(?:[^/@]*@)?([\w.-]+)(?::\d+)?\/(.+)$/) ??
    repository.match(/^[\w.-]+@([\w.-]+):(.+)$/) ??
    [];
  const hosts = ["github.com", new URL(github.api).hostname.replace(/^api\./, "")];
  if (host === undefined || path === undefined || !hosts.includes(host.toLowerCase())) return null;
  const name = path.match(/^\/?([\w-]+\/(?!\.+$)[\w.-]+?)(?:\.git)?\/?$/)?.[1];
  return name === undefined ? null : { ...github, repository: name };
}

/** Throws Problem "data-unavailable" where it did not get through. */
export async function sendCheck(github: Github, check: CheckText, patience: Patience): Promise<void> {
  const { sha, conclusion, title, summary, url } = check;
  const link = url === null ? {} : { details_url: url };
  const run = { name: NAME, head_sha: sha, status: "completed", conclusion, ...link, output: { title, summary } };
  const answer = await call(github, patience, "POST", "/check-runs", run);
  if (isSuccess(answer)) return;
  if (!mayNot(answer)) throw unexpected(answer);
  await must(call(github, patience, "POST", `/statuses/${sha}`, statusOf(check)));
}

function statusOf({ conclusion, title, url }: CheckText) {
  const description =
    title.length > MAX_DESCRIPTION ? `${title.slice(0, MAX_DESCRIPTION - 1).replace(/[\ud800-\udbff]$/, "")}…` : title;
  const state = conclusion === "failure" ? "failure" : "success";
  return { context: NAME, state, description, ...(url === null ? {} : { target_url: url }) };
}

/** Writes our comment anew, or the first one. Throws Problem "data-unavailable" where it did not get through. */
export async function sendComment(
  github: Github,
  { pull, text: body }: CommentText,
  patience: Patience,
): Promise<void> {
  for (const id of await ourComments(github, pull, patience)) {
    const answer = await call(github, patience, "PATCH", `/issues/comments/${id}`, { body });
    if (isSuccess(answer)) return;
    if (!mayNot(answer)) throw unexpected(answer); // else it is gone, or was another's
  }
  await must(call(github, patience, "POST", `/issues/${pull}/comments`, { body }));
}

const commentsSchema = z
  .array(
    z.object({
      id: z.number().int().positive(),
      body: z.string().nullish(),
      user: z.object({ login: z.string(), type: z.string() }).nullish(),
    }),
  )
  .max(PER_PAGE);

/** Ids, oldest first. Anyone may write the marker, so the author counts too. */
async function ourComments(github: Github, pull: number, patience: Patience): Promise<number[]> {
  const marked: z.infer<typeof commentsSchema> = [];
  for (let page = 1; page <= MAX_PAGES; page++) {
    const path = `/issues/${pull}/comments?per_page=${PER_PAGE}&page=${page}`;
    const found = read(await must(call(github, patience, "GET", path)), commentsSchema);
    marked.push(...found.filter(({ body }) => body?.startsWith(MARKER)));
    if (found.length < PER_PAGE) break;
  }
  if (marked.length === 0) return [];
  const me = await whoAmI(github, patience);
  return marked.filter(({ user }) => (me === null ? user?.type === "Bot" : user?.login === me)).map(({ id }) => id);
}

/** The login of the token's person; null = it is an app's, which is no person and writes as a bot. */
async function whoAmI(github: Github, patience: Patience): Promise<string | null> {
  const answer = await ask(outgoing(github, "GET", `${github.api}/user`), patience, MAX_ANSWER_BYTES);
  if (mayNot(answer)) return null;
  if (!isSuccess(answer)) throw unexpected(answer);
  return read(answer, z.object({ login: z.string() })).login;
}

const call = (github: Github, patience: Patience, method: Outgoing["method"], path: string, body?: object) =>
  ask(outgoing(github, method, `${github.api}/repos/${github.repository}${path}`, body), patience, MAX_ANSWER_BYTES);

const outgoing = ({ token }: Github, method: Outgoing["method"], url: string, body?: object): Outgoing => ({
  method,
  url,
  headers: {
    accept: "application/vnd.github+json",
    authorization: `Bearer ${token}`,
    "x-github-api-version": "2022-11-28",
    ...(body ? { "content-type": "application/json" } : {}),
  },
  body: body && JSON.stringify(body),
});

/** The token may not do this, or there is no such thing to it. Who asked too often hears 403 too, and waits instead. */
const mayNot = ({ status, headers }: Answer): boolean =>
  (status === 403 || status === 404) && headers.get("x-ratelimit-remaining") !== "0" && !headers.has("retry-after");

async function must(asked: Promise<Answer>): Promise<Answer> {
  const answer = await asked;
  if (!isSuccess(answer)) throw unexpected(answer);
  return answer;
}

function read<T>({ text }: Answer, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new Problem("data-unavailable", "expected an answer in GitHub's format; got another", { cause });
  }
}
