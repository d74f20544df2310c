/** One alert with what became of it; a maintainer acknowledges, resolves, calls it intended, or reopens it. */
import { changeAlertSchema } from "@ticketmark/core";
import { changeAlert, findAlert } from "../../../../../db/alerts.ts";
import { db } from "../../../../../db/client.ts";
import { idFrom, publicJson, readJson, reply, route } from "../../../../../http.ts";
import { requireMaintainer } from "../../../../../session.ts";
import { publicAlert } from "../../../../../track/public-alert.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async GET(request, params) {
    const { events, ...alert } = await findAlert(await db(), idFrom(params, "alert"));
    return publicJson(request, { ...publicAlert(alert), events });
  },

  async POST(request, params) {
    const by = await requireMaintainer(request);
    const change = await readJson(request, changeAlertSchema);
    await changeAlert(await db(), idFrom(params, "alert"), { ...change, by });
    return reply({});
  },
});
