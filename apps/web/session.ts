/**
 * Who is a maintainer: a bearer token (programs), or a session cookie (browsers, after signing in with the token once).
 * The cookie holds a random value that means nothing elsewhere; the token itself is never in it.
 */
import { Problem } from "@ticketmark/core";
import { cookies, headers } from "next/headers";
import { db } from "./db/client.ts";
import { addSession, findMaintainer, findSession, removeSession } from "./db/tokens.ts";
import { addressOf, limited } from "./limiter.ts";
import { hashSecret, newSecret } from "./secret.ts";

const COOKIE = "ticketmark-session";

/** The secret of `authorization: Bearer …`; null if there is none. */
export function bearerOf(request: Request): string | null {
  return request.headers.get("authorization")?.match(/^Bearer ([\w-]{20,100})$/i)?.[1] ?? null;
}

/** The maintainer's label. Throws Problem "unauthorized", "forbidden" (a request that another site's page made). */
export async function requireMaintainer(request: Request): Promise<string> {
  const bearer = bearerOf(request);
  if (bearer) return limited(addressOf(request.headers), () => maintainerByToken(bearer));
  if (/^Bearer /i.test(request.headers.get("authorization") ?? "")) throw unknownToken();
  const session = request.headers.get("cookie")?.match(new RegExp(`(?:^|;\\s*)${COOKIE}=([\\w-]+)`))?.[1];
  if (session) {
    requireSameOrigin(request.headers);
    const label = await findSession(await db(), hashSecret(session));
    if (label) return label;
  }
  throw new Problem(
    "unauthorized",
    "expected a maintainer: sign in, or send authorization: Bearer TOKEN (a command sends TICKETMARK_TOKEN)",
  );
}

/** The maintainer's label of a page or server action; null = nobody is signed in. Next checks an action's origin. */
export async function maintainerFromCookies(): Promise<string | null> {
  const session = (await cookies()).get(COOKIE)?.value;
  return session ? findSession(await db(), hashSecret(session)) : null;
}

/** For a server action. Throws Problem "unauthorized", "too-many-requests". Returns the maintainer's label. */
export async function signIn(token: string): Promise<string> {
  const sent = await headers();
  const label = await limited(addressOf(sent), () => maintainerByToken(token.trim()));
  const session = newSecret();
  const { expiresAt } = await addSession(await db(), hashSecret(session), hashSecret(token.trim()));
  const secure = (sent.get("x-forwarded-proto") ?? sent.get("origin") ?? "").startsWith("https");
  (await cookies()).set(COOKIE, session, {
    httpOnly: true,
    sameSite: "strict",
    secure,
    path: "/",
    expires: expiresAt,
  });
  return label;
}

/** For a server action: ends the session, here and in the browser. */
export async function signOut(): Promise<void> {
  const jar = await cookies();
  const session = jar.get(COOKIE)?.value;
  if (session) await removeSession(await db(), hashSecret(session));
  jar.delete(COOKIE);
}

async function maintainerByToken(token: string): Promise<string> {
  const label = await findMaintainer(await db(), hashSecret(token));
  if (!label) throw unknownToken();
  return label;
}

const unknownToken = () =>
  new Problem("unauthorized", "token: expected a maintainer's token; there is none like this one");

/** A cookie comes along by itself, so the request must say that our own page made it. */
function requireSameOrigin(sent: Headers): void {
  const site = sent.get("sec-fetch-site");
  const origin = sent.get("origin");
  const host = sent.get("x-forwarded-host") ?? sent.get("host");
  const sameOrigin = origin !== null && URL.canParse(origin) && new URL(origin).host === host;
  if (site ? site !== "same-origin" : !sameOrigin)
    throw new Problem(
      "forbidden",
      `expected a request from this site's own pages; got one from ${site ?? origin ?? "nowhere"}`,
    );
}
