import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["{packages,apps}/**/*.test.ts"], pool: "forks", testTimeout: 60_000, hookTimeout: 60_000 },
});
