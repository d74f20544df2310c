/** A series as CSV, as `ticketmark detect` reads it: a line a point, oldest first. Points that lack seeds are left out. */
import { db } from "../../../../../db/client.ts";
import { readSeries } from "../../../../../db/series.ts";
import { publicReply, route } from "../../../../../http.ts";

export const { GET } = route({
  async GET(request, params) {
    const { metric, points } = await readSeries(await db(), params.id!);
    // The places of points are those of the line, whatever their commits say of time: rows are not sorted by a reader
    // who finds no column `time`.
    const whole = points.filter(({ missing }) => missing.length === 0);
    const lines = whole.map(({ commit, value }) => `${commit},${value}`);
    return publicReply(request, csvOf([`commit,${metric}`, ...lines]), "text/csv; charset=utf-8; header=present");
  },
});

/** RFC 4180. No cell needs quotes: hexadecimal digits and numbers. */
const csvOf = (lines: readonly string[]): string => lines.map((line) => `${line}\r\n`).join("");
