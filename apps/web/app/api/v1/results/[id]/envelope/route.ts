/** The signed envelope, byte for byte as it is stored. */
import { db } from "../../../../../../db/client.ts";
import { findEnvelope } from "../../../../../../db/results.ts";
import { idFrom, publicReply, route } from "../../../../../../http.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async GET(request, params) {
    const { envelope } = await findEnvelope(await db(), idFrom(params, "result"));
    return publicReply(request, new Uint8Array(envelope), "application/vnd.dsse.envelope.v1+json");
  },
});
