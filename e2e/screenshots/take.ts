/**
 * Takes the README's picture of the leaderboard from a site that is running: `node --import tsx
 * e2e/screenshots/take.ts [http://127.0.0.1:3000]`. What it shows is what that site has measured.
 */
import { fileURLToPath } from "node:url";
import { chromium } from "playwright";

const origin = process.argv[2] ?? "http://127.0.0.1:3000";
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH || undefined,
  chromiumSandbox: process.getuid?.() !== 0, // Chromium refuses its sandbox as root
});
const page = await browser.newPage({
  viewport: { width: 1280, height: 850 },
  deviceScaleFactor: 1.5,
  colorScheme: "light",
});
await page.goto(origin, { waitUntil: "networkidle" });
await page.screenshot({ path: fileURLToPath(new URL("leaderboard.png", import.meta.url)) });
await browser.close();
