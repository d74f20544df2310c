/** One series: its points with their runs, its change points, its alerts. */
import { db } from "../../../../../db/client.ts";
import { readSeries } from "../../../../../db/series.ts";
import { publicJson, route } from "../../../../../http.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async GET(request, params) {
    return publicJson(request, await readSeries(await db(), params.id!));
  },
});
