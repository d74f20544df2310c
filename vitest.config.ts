import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["{packages,apps}/**/*.test.ts"], pool: "forks", testTimeout: 240_000, hookTimeout: 240_000 },
});
