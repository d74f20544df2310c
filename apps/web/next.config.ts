/** How the site is built. Next's telemetry is turned off by an environment variable, which start.mjs and test.mjs set. */
import { join } from "node:path";
import type { NextConfig } from "next";

const root = join(import.meta.dirname, "../..");

export default {
  outputFileTracingRoot: root,
  outputFileTracingIncludes: { "/*": ["../../drizzle/**/*"] },
  turbopack: { root },
  transpilePackages: ["@ticketmark/core"],
  serverExternalPackages: ["@electric-sql/pglite", "pg"],
  poweredByHeader: false,
  // `npm run check` and the tests check all types. Here a fault in some test's would keep the site from starting, and
  // checking would cost everybody who starts it the time.
  typescript: { ignoreBuildErrors: true },
  agentRules: false, // `next dev` would write files of its own into the folder
  // Pages get their headers from proxy.ts. A worker's script needs COEP of its own to run in an isolated page.
  headers: async () => [
    {
      source: "/_next/static/:path*",
      headers: [
        { key: "cross-origin-embedder-policy", value: "require-corp" },
        { key: "cross-origin-resource-policy", value: "same-origin" },
        { key: "x-content-type-options", value: "nosniff" },
      ],
    },
  ],
} satisfies NextConfig;
