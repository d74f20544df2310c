/** `npm run migration`: SQL in drizzle/ from the schema; offline. */
import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "postgresql",
  schema: "./apps/web/db/schema.ts",
  out: "./drizzle",
  casing: "snake_case",
});
