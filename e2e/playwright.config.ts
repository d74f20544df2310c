/**
 * Whole-system tests: a real browser, the built site, a real runner. `npm test` and `npm run e2e` build the site first
 * and find the browser; sites and runners are started by the tests themselves (site.ts, test.ts), since they get killed.
 */
import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: ".",
  outputDir: "../test-results",
  workers: 1, // each test brings a site, a runner and its training: two at once would only wait for each other
  timeout: 150_000,
  expect: { timeout: 20_000 },
  ...(process.env.TICKETMARK_LONG ? {} : { grepInvert: /@long/ }),
  forbidOnly: Boolean(process.env.CI),
  use: {
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM_PATH || undefined,
      chromiumSandbox: process.getuid?.() !== 0, // Chromium refuses its sandbox as root
      args: ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"],
    },
  },
});
