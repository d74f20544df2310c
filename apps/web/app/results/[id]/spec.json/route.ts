/** A result's spec as a file: what `ticketmark run` takes. */
import { canonicalJson } from "@ticketmark/core";
import { db } from "../../../../db/client.ts";
import { findResult } from "../../../../db/results.ts";
import { idFrom, publicReply, route } from "../../../../http.ts";

export const { GET } = route({
  async GET(request, params) {
    const { spec } = await findResult(await db(), idFrom(params, "result"));
    return publicReply(request, `${canonicalJson(spec)}\n`, "application/json");
  },
});
