import { mkdtemp, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClassFolder } from "@ticketmark/core";
import { afterEach, expect, it } from "vitest";
import { specsOfSuite, suiteList, suiteShow, suiteStatusAt, suiteStatusHere } from "./suite-command.ts";
import { runsOf } from "./suite-run.ts";

const ID = "dlth-imagenet-subset";

let site: Server | undefined;
afterEach(() => site?.close());

/** A site where the suite waits with these lists of classes. Returns its address. */
async function siteWith(...lists: readonly string[]): Promise<string> {
  const runs = await Promise.all(lists.map(async (path) => runsOf(await specsOfSuite(ID, path))));
  const nothing = { jobId: null, resultId: null, outcome: null, accuracy: null, progress: null, message: null };
  const specs = runs.flat().map(({ digest, label, spec: { dataset, model, method, sparsity, seed } }) => ({
    ...{ specDigest: digest, groupDigest: digest, name: label, dataset, model, method, sparsity, seed },
    ...{ state: "queued", ...nothing },
  }));
  const server = createServer((_, response) => response.end(JSON.stringify({ suite: ID, specs })));
  site = server;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function classesFile(...names: string[]): Promise<string> {
  const classes: ClassFolder[] = names.map((name) => ({ name, train: 1_300, test: 50 }));
  const path = join(await mkdtemp(join(tmpdir(), "ticketmark-classes-")), "classes.json");
  await writeFile(path, JSON.stringify(classes));
  return path;
}

it("asks a site of all lists of classes, or of one", async () => {
  const [one, two, other] = [await classesFile("a", "b"), await classesFile("a", "c"), await classesFile("b", "c")];
  const server = await siteWith(one, two);
  const of = async (classes?: string) => JSON.parse(await suiteStatusAt(ID, server, classes, true)).specs as unknown[];
  const [all, first, second] = [await of(), await of(one), await of(two)];
  expect(all).toEqual([...first, ...second]);
  expect(first.length).toBe(second.length);
  const counts = `${ID}: ${first.length} queued, of ${first.length}`;
  expect(await suiteStatusAt(ID, server, one, false)).toMatch(new RegExp(`${counts}$`));
  await expect(of(other)).rejects.toThrow(/was queued with/);
  await expect(of(join(tmpdir(), "nothing.json"))).rejects.toThrow(/expected a list of classes/);
  await expect(suiteStatusAt("quickstart", server, one, true)).rejects.toThrow(/expected no classes/);
});

it("says of an empty folder that all is missing, of none that it is not there", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ticketmark-status-"));
  expect(await suiteStatusHere("quickstart", folder, undefined, false)).toMatch(/quickstart: (\d+) missing, of \1$/);
  for (const json of [false, true])
    await expect(suiteStatusHere("quickstart", join(folder, "none"), undefined, json)).rejects.toThrow(
      /none: expected the folder that suite run writes to/,
    );
});

it("shows the suites, and the rows of one", () => {
  const listed = JSON.parse(suiteList(true)) as { id: string; specs: number | null }[];
  for (const { id, specs } of listed) expect(JSON.parse(suiteShow(id, true)).specs?.length ?? null).toBe(specs);
  expect(suiteShow("mnist-reference", false)).toMatch(
    /^mnist-reference: .*\n {2}.*\n(.*\n)* {2}RST at 98 %.*: seeds 0, 1/,
  );
  expect(suiteShow(ID, false)).toMatch(/--classes FILE$/);
  expect(() => suiteShow("none", false)).toThrow(/none/);
});
