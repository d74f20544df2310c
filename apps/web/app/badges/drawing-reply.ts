/** Drawings for other people's pages: anyone may show them, nothing in them runs, and a minute old is new enough. */
import { createHash } from "node:crypto";
import { DRAWING_STYLE } from "../../components/series-svg-text.ts";
import { immutable, isFresh } from "../../http.ts";

/** The one style that such a page has. */
const STYLE = createHash("sha256").update(DRAWING_STYLE).digest("base64");

export function drawingReply(request: Request, body: string, contentType: string, status = 200): Response {
  const etag = `"${createHash("sha256").update(body).digest("base64url")}"`;
  const headers = {
    ...immutable,
    "cache-control": "public, max-age=60",
    "content-security-policy": `default-src 'none'; style-src 'sha256-${STYLE}'; base-uri 'none'; form-action 'none'; frame-ancestors *`,
    etag,
  };
  return status === 200 && isFresh(request, etag)
    ? new Response(null, { status: 304, headers })
    : new Response(body, { status, headers: { ...headers, "content-type": `${contentType}; charset=utf-8` } });
}
