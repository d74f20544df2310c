/** What is believed of GitHub's messages, and what is taken out of them. */
import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { isFollowed, isSigned, pullSchema, pushSchema } from "./github-events.ts";

const secret = "It's a Secret to Everybody";

describe("a signature", () => {
  it("is the one of GitHub's documentation", () => {
    const documented = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    expect(isSigned(Buffer.from("Hello, World!"), documented, secret)).toBe(true);
    expect(isSigned(Buffer.from("Hello, World?"), documented, secret)).toBe(false);
  });

  it("is nothing less than sixty-four digits under this secret", () => {
    const bytes = Buffer.from("{}");
    const hex = createHmac("sha256", secret).update(bytes).digest("hex");
    expect(isSigned(bytes, `sha256=${hex}`, secret)).toBe(true);
    expect(isSigned(bytes, `sha256=${hex}`, `${secret}!`)).toBe(false);
    for (const wrong of [null, "", hex, "sha256=", `sha256=${hex.slice(2)}`, `sha256=${hex}00`, `sha1=${hex}`])
      expect(isSigned(bytes, wrong, secret), String(wrong)).toBe(false);
  });
});

describe("the followed repository", () => {
  const at = (name: string) => ({
    full_name: name,
    clone_url: `https://github.com/${name}.git`,
    ssh_url: `git@github.com:${name}.git`,
    html_url: `https://github.com/${name}`,
  });

  it("is the same however it is written", () => {
    for (const followed of [
      "https://github.com/owner/name.git",
      "https://github.com/Owner/Name/",
      "https://user:token@github.com/owner/name",
      "git@github.com:owner/name.git",
      "ssh://git@github.com/owner/name",
    ])
      expect(isFollowed(at("owner/name"), followed), followed).toBe(true);
  });

  it("is no fork, no other host and no path", () => {
    for (const followed of [
      "https://github.com/other/name.git",
      "https://github.com/owner/name2",
      "https://example.org/owner/name",
      "https://example.org/github.com/owner/name",
      "/srv/owner/name",
    ])
      expect(isFollowed(at("owner/name"), followed), followed).toBe(false);
  });
});

describe("texts", () => {
  const hash = "a".repeat(40);
  const commit = (message: string, name = "someone") => ({
    ...{ id: hash, message, timestamp: "2026-01-02T03:04:05+01:00", author: { name } },
  });
  const push = (message: string, name?: string) =>
    pushSchema.parse({
      ...{ ref: "refs/heads/main", before: hash, after: hash, commits: [commit(message, name)], head_commit: null },
      repository: { full_name: "o/n", clone_url: "", ssh_url: "", html_url: "" },
    }).commits[0]!;

  it("are one line without what no database or reader can bear", () => {
    expect(push("\n first\tline \r\nsecond", "A\u0000B\u202eC").message).toBe("first line");
    expect(push("x", "A\u0000B\u202eC").author.name).toBe("A B C");
    expect(push("half \ud800 a pair").message).toBe("half a pair");
    expect(push("x".repeat(5_000)).message).toBe("x".repeat(200));
    expect(push(`${"x".repeat(199)}😀`).message).toBe("x".repeat(199));
    expect(push("").message).toBe("");
    expect(push("x").timestamp).toBe(Date.UTC(2026, 0, 2, 2, 4, 5));
  });

  it("of a pull request hold no address that runs code", () => {
    const pull = (html_url: string) =>
      pullSchema.safeParse({
        ...{ action: "opened", number: 7, repository: { full_name: "", clone_url: "", ssh_url: "", html_url: "" } },
        pull_request: {
          ...{ state: "open", title: "t", html_url, updated_at: "2026-01-02T03:04:05Z", user: null },
          ...{ head: { sha: hash }, base: { ref: "main" } },
        },
      }).success;
    expect(pull("https://github.com/o/n/pull/7")).toBe(true);
    expect(pull("javascript:alert(1)")).toBe(false);
  });
});
