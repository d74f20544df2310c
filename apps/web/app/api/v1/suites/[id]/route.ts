/** What became of a suite's specs, for anyone; a maintainer queues what is missing or failed. */
import { queueSuiteSchema, suites } from "@ticketmark/core";
import { publicJson, readJson, reply, route } from "../../../../../http.ts";
import { requireMaintainer } from "../../../../../session.ts";
import { queueSuite, statusOfSuite } from "../../../../../suite.ts";

export const { GET, POST, PUT, PATCH, DELETE, OPTIONS } = route({
  async GET(request, params) {
    return publicJson(request, await statusOfSuite(suites.get(params.id!)));
  },

  async POST(request, params) {
    const createdBy = await requireMaintainer(request);
    const suite = suites.get(params.id!);
    const { classes } = request.body ? await readJson(request, queueSuiteSchema) : {};
    const answer = await queueSuite(suite, classes, createdBy);
    return reply(answer, answer.queued + answer.requeued > 0 ? 201 : 200);
  },
});
