import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { MAX_JSON_BYTES, Problem } from "@ticketmark/core";
import { afterEach, describe, expect, it } from "vitest";
import { Client } from "./client.ts";
import { exampleJob } from "./fixtures.ts";
import { Unreachable } from "./retry.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const job = exampleJob();
const beat = (origin: string) => new Client(origin, "secret").heartbeat(job, null);

describe("client", () => {
  it("sends the bearer and the lease, and gives back the validated reply", async () => {
    let sent: unknown;
    const origin = await serve(async (request, response) => {
      const body = Buffer.concat(await request.toArray()).toString();
      sent = { url: request.url, authorization: request.headers.authorization, body: JSON.parse(body) };
      response.end('{"command":"drain","seconds":3}');
    });
    expect(await beat(origin)).toEqual({ command: "drain", seconds: 3 });
    expect(sent).toEqual({
      url: `/api/v1/jobs/${job.id}/heartbeat`,
      authorization: "Bearer secret",
      body: { lease: job.lease.token, progress: null },
    });
  });

  it("turns problem JSON into the Problem it was", async () => {
    const problem = new Problem("lease-lost", "another runner has it");
    const origin = await serve((_, response) => response.writeHead(409).end(JSON.stringify(problem)));
    await expect(beat(origin)).rejects.toMatchObject({ name: "Problem", code: "lease-lost", message: problem.message });
  });

  it("takes anything but the site's own word for a site that is not there", async () => {
    const answers: Record<string, (response: ServerResponse) => void> = {
      "a proxy's page": (r) => r.writeHead(404, { "content-type": "text/html" }).end("<h1>Not here</h1>"),
      "another site's problem": (r) => r.writeHead(403).end('{"type":"about:blank","title":"Forbidden"}'),
      "not JSON": (r) => r.end("hello"),
      "another reply": (r) => r.end('{"command":"explode","seconds":3}'),
      "a redirect": (r) => r.writeHead(307, { location: "http://127.0.0.1:9/" }).end(),
      "a broken connection": (r) => r.destroy(),
    };
    for (const [what, answer] of Object.entries(answers)) {
      const origin = await serve((_, response) => answer(response));
      await expect(beat(origin), what).rejects.toBeInstanceOf(Unreachable);
    }
    await expect(beat("http://127.0.0.1:9")).rejects.toBeInstanceOf(Unreachable);
  });

  it("stops reading a reply that does not end", async () => {
    let written = 0;
    const origin = await serve((_, response) => {
      const more = () => {
        while (!response.destroyed && (written += 65_536) && response.write(Buffer.alloc(65_536, 32)));
      };
      response.on("drain", more);
      more();
    });
    await expect(beat(origin)).rejects.toThrow(/reply of more than/);
    expect(written).toBeLessThan(20 * MAX_JSON_BYTES);
  });

  it("shows its secrets to the site alone when it uploads", async () => {
    const seen: Record<string, IncomingMessage["headers"]> = {};
    const answer = (request: IncomingMessage, response: ServerResponse) => {
      seen[request.url!] = request.headers;
      request.resume().on("end", () => response.end());
    };
    const [site, store] = [await serve(answer), await serve(answer)];
    const client = new Client(site, "secret");
    await client.upload(job, "/api/v1/files/abc", new Uint8Array([1, 2, 3]));
    await client.upload(job, `${store}/presigned?signature=1`, new Uint8Array([1, 2, 3]));
    expect(seen["/api/v1/files/abc"]).toMatchObject({
      authorization: "Bearer secret",
      "ticketmark-lease": job.lease.token,
      "ticketmark-job": job.id,
      "content-length": "3",
    });
    const elsewhere = seen["/presigned?signature=1"]!;
    const outside = client.upload(job, "http://store.example/presigned", new Uint8Array([1]));
    await expect(outside).rejects.toThrow(/expected an https address/);
    const notLocal = new Client("https://site.example", "secret");
    await expect(notLocal.upload(job, `${store}/presigned`, new Uint8Array([1]))).rejects.toThrow(/expected an https/);
    expect(elsewhere["content-length"]).toBe("3");
    for (const name of ["authorization", "ticketmark-lease", "ticketmark-job"]) expect(elsewhere[name]).toBeUndefined();
  });
});
