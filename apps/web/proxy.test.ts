import { NextRequest } from "next/server";
import { expect, it } from "vitest";
import { config, proxy } from "./proxy.ts";

const headersOf = () => proxy(new NextRequest("http://site.test/")).headers;

it("gives every page a nonce of its own, the same one in the request that Next reads", () => {
  const [a, b] = [headersOf(), headersOf()];
  const nonce = a.get("content-security-policy")!.match(/'nonce-([\w+/=]{24})'/)?.[1];
  expect(nonce).toBeDefined();
  expect(a.get("x-middleware-request-content-security-policy")).toContain(nonce);
  expect(b.get("content-security-policy")).not.toContain(nonce);
});

it("lets in no foreign script, frame or evaluated text, and isolates the page", () => {
  const headers = headersOf();
  const csp = headers.get("content-security-policy")!;
  for (const part of [
    "default-src 'none'",
    "frame-ancestors 'none'",
    "'strict-dynamic'",
    "'wasm-unsafe-eval'",
    "worker-src 'self'",
  ])
    expect(csp).toContain(part);
  expect(csp).not.toMatch(/script-src[^;]*'unsafe-(inline|eval)'/);
  expect(headers.get("cross-origin-opener-policy")).toBe("same-origin");
  expect(headers.get("cross-origin-embedder-policy")).toBe("require-corp");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
});

it("leaves the API and static files alone", () => {
  const matched = (path: string) => new RegExp(`^${config.matcher[0]}$`).test(path);
  expect(["/", "/jobs", "/results/1", "/apiary"].map(matched)).toEqual([true, true, true, true]);
  expect(["/api/v1/files/0", "/_next/static/x.js", "/icon.svg"].map(matched)).toEqual([false, false, false]);
});

it("only drawings may stand in a frame: their own headers say so", () => {
  const framed = (path: string) =>
    proxy(new NextRequest(`http://site.test${path}`)).headers.get("content-security-policy") === null;
  expect(
    ["/badges/regressions.svg", "/badges/series/1a.svg", "/embed/series/1a", "/embed/series/1a.svg"].map(framed),
  ).toEqual([true, true, true, true]);
  for (const path of [
    ...["/embed", "/embed/series", "/embed/series/", "/embed/series/1a/more", "/embed/jobs"],
    ...["/badges", "/badges/series/1a", "/badges/other.svg", "/jobs", "/regressions/series/1a"],
  ])
    expect(framed(path), path).toBe(false);
});
