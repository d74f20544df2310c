/**
 * Headers of every page: scripts only with this request's nonce, no frames, nothing cross-origin, and cross-origin
 * isolation, so that the checker in the browser may use SharedArrayBuffer. Next finds the nonce in the request's CSP
 * and puts it on its own scripts. The API is left out: a body that passes here is cut at 10 MB. Drawings for other people's
 * pages bring their own headers (app/badges/drawing-reply.ts), and are the only thing here that may stand in a frame.
 */
import { randomBytes } from "node:crypto";
import { type NextRequest, NextResponse } from "next/server";
import { isDevelopment } from "./env.ts";

/** Exactly the routes that answer with a drawing: any other address below is a page, were it only "not found". */
const DRAWINGS = /^\/(badges\/(regressions|series\/[^/]+)\.svg|embed\/series\/[^/]+)$/;

export function proxy(request: NextRequest): NextResponse {
  if (DRAWINGS.test(request.nextUrl.pathname)) return NextResponse.next();
  const nonce = randomBytes(16).toString("base64");
  const csp = policy(nonce);
  const headers = new Headers(request.headers);
  headers.set("content-security-policy", csp);
  const response = NextResponse.next({ request: { headers } });
  response.headers.set("content-security-policy", csp);
  response.headers.set("cross-origin-opener-policy", "same-origin");
  response.headers.set("cross-origin-embedder-policy", "require-corp");
  response.headers.set("cross-origin-resource-policy", "same-origin");
  response.headers.set("x-content-type-options", "nosniff");
  response.headers.set("referrer-policy", "strict-origin-when-cross-origin");
  return response;
}

export function policy(nonce: string): string {
  const development = isDevelopment ? " 'unsafe-eval'" : ""; // React's error overlay evaluates stack frames
  return [
    "default-src 'none'",
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic' 'wasm-unsafe-eval'${development}`,
    "worker-src 'self'",
    isDevelopment ? "style-src 'self' 'unsafe-inline'" : `style-src 'self' 'nonce-${nonce}'`,
    "style-src-attr 'unsafe-inline'", // widths and colours of bars, computed by the server
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

export const config = { matcher: ["/((?!api/|_next/static/|icon.svg).*)"] };
