/** What is open and under way: the overview's page is drawn anew when it changes. */
import { db } from "../../../../db/client.ts";
import { publicJson, route } from "../../../../http.ts";
import { overviewJson } from "../../../../regression-json.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async GET(request) {
    return publicJson(request, await overviewJson(await db()));
  },
});
