import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ReadFolder } from "@ticketmark/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { zip } from "./archive-fixture.ts";
import { plainFolder, zipFolder } from "./image-folder.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ticketmark-images-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const bytes = (...values: number[]) => Uint8Array.from(values);
const missing = { code: "data-unavailable" };

async function asFolder(kind: "folder" | "zip"): Promise<ReadFolder> {
  const files = {
    "train/n1/b.JPEG": bytes(1, 2),
    "train/n1/a.JPEG": bytes(3),
    "train/n1/B.JPEG": bytes(4),
    "list.txt": bytes(5),
  };
  if (kind === "zip") {
    const path = join(folder, "images.zip");
    const members = Object.entries(files).map(([name, content]) => ({ name: `root/${name}`, content }));
    await writeFile(
      path,
      zip({ name: "root/train/", content: bytes() }, ...members, { name: "other.txt", content: bytes(6) }),
    );
    return zipFolder(path, "root");
  }
  const at = join(folder, "plain");
  await mkdir(join(at, "train/n1"), { recursive: true });
  for (const [name, content] of Object.entries(files)) await writeFile(join(at, name), content);
  return plainFolder(at);
}

test.each(["folder", "zip"] as const)(
  "a %s of images: names by code units, bytes, bounds, what is missing",
  async (kind) => {
    const images = await asFolder(kind);
    expect(await images.list("train/n1")).toEqual(["B.JPEG", "a.JPEG", "b.JPEG"]);
    expect([...(await images.read("train/n1/b.JPEG", 2))]).toEqual([1, 2]);
    expect([...(await images.read("list.txt", 2))]).toEqual([5]);
    await expect(images.read("train/n1/b.JPEG", 1)).rejects.toMatchObject({ code: "too-large" });
    await expect(images.read("train/n1/c.JPEG", 9)).rejects.toMatchObject(missing);
    expect(await images.size("train/n1/b.JPEG")).toBe(2);
    await expect(images.size("train/n1/c.JPEG")).rejects.toMatchObject(missing);
    await expect(images.list("train/n2")).rejects.toMatchObject(missing);
  },
);

test("no archive, no images", async () => {
  await expect(zipFolder(join(folder, "none.zip"), "")).rejects.toMatchObject(missing);
});
