/** Alerts, newest first. */
import { ALERT_STATES } from "@ticketmark/core";
import { z } from "zod";
import { listAlerts } from "../../../../db/alerts.ts";
import { db } from "../../../../db/client.ts";
import { cursor, pageFrom, parse, publicJson, route, searchOf } from "../../../../http.ts";
import { publicAlert } from "../../../../track/public-alert.ts";

const stateSchema = z.object({ state: z.enum(ALERT_STATES).optional() });

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async GET(request) {
    const { state } = parse(searchOf(request), stateSchema);
    const page = await listAlerts(await db(), { ...pageFrom(request), state });
    return publicJson(request, { alerts: page.alerts.map(publicAlert), next: cursor(page.next) });
  },
});
