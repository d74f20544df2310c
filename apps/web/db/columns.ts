/** Columns and checks that several tables have. */
import { sql } from "drizzle-orm";
import { type AnyPgColumn, customType, timestamp } from "drizzle-orm/pg-core";

export const bytea = customType<{ data: Uint8Array }>({ dataType: () => "bytea" });
export const time = () => timestamp({ withTimezone: true, mode: "date" });
export const digest = (column: AnyPgColumn) => sql`${column} ~ '^[0-9a-f]{64}$'`;
export const commitName = (column: AnyPgColumn) => sql`${column} ~ '^[0-9a-f]{40}$'`;
