/** Every series there is, and how each stands. */
import { db } from "../../../../db/client.ts";
import { listSeries } from "../../../../db/series.ts";
import { publicJson, route } from "../../../../http.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async GET(request) {
    return publicJson(request, { series: await listSeries(await db()) });
  },
});
