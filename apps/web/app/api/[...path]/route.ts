/** Whatever no other route of the API answers: a problem JSON too, not a page. */
import { Problem } from "@ticketmark/core";
import { route } from "../../../http.ts";

const nothing = async (request: Request): Promise<never> => {
  throw new Problem("not-found", `${new URL(request.url).pathname}: there is no such address in this API`);
};

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  GET: nothing,
  POST: nothing,
  PUT: nothing,
  PATCH: nothing,
  DELETE: nothing,
});
