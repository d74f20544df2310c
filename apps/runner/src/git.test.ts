import { describe, expect, it } from "vitest";
import { checkBranch, checkCommit, git, parseRepository, withoutCredentials } from "./git.ts";

describe("addresses", () => {
  it.each([
    ["https://example.com/a/b.git", "https"],
    ["https://user:secret@example.com:8443/a/b", "https"],
    ["ssh://git@example.com:22/a/b.git", "ssh"],
    ["git@example.com:a/b.git", "ssh"],
    ["file:///srv/a-b.git", "file"],
    ["/srv/two words", "file"],
  ])("%s is spoken to by %s alone", (text, protocol) => {
    expect(parseRepository(text)).toMatchObject({ url: text, protocol });
  });

  it.each([
    "--upload-pack=touch /tmp/x",
    "-oProxyCommand=x",
    "ext::sh -c x",
    "http://example.com/a",
    "git://example.com/a",
    "ftp://example.com/a",
    "https://-oProxyCommand=x/a",
    "ssh://-oProxyCommand=x/a",
    "ssh://git@-oProxyCommand=x/a",
    "git@-oProxyCommand=x:a",
    "-x@example.com:a",
    "git@example.com:--upload-pack=x",
    "transport::https://example.com/a",
    "relative/path",
    "../up",
    "/srv/line\nbreak",
    "https://example.com/a b",
    `https://example.com/${"a".repeat(600)}`,
    "",
  ])("%j is refused", (text) => {
    expect(() => parseRepository(text)).toThrow(/^repository: expected https/);
  });

  it("are shown without what is secret in them", () => {
    expect(parseRepository("https://user:secret@example.com/a").name).toBe("https://example.com/a");
    expect(withoutCredentials("fatal: 'https://u:p@ss@h/x' and ssh://git@h/y")).toBe(
      "fatal: 'https://h/x' and ssh://h/y",
    );
    expect(() => parseRepository("http://user:secret@example.com/a")).toThrow(/^(?!.*secret)/);
  });
});

it("takes only whole hashes and plain names of branches", () => {
  expect(checkCommit("a".repeat(40))).toBe("a".repeat(40));
  for (const commit of ["HEAD", "main", "a".repeat(39), "A".repeat(40), "-".repeat(40), `${"a".repeat(40)}^`])
    expect(() => checkCommit(commit)).toThrow(/^commit: expected 40 hex digits/);
  for (const branch of ["main", "release/1.x", "fix_2-b"]) expect(checkBranch(branch)).toBe(branch);
  for (const branch of ["", "-f", "a..b", "a~1", "a^", "a:b", "a b", "@{u}", "a/", "a//b", "x.lock", "*", "a\nb"])
    expect(() => checkBranch(branch)).toThrow(/^branch: expected/);
});

it("says what git said, without credentials", async () => {
  const call = { cwd: ".", env: { PATH: process.env.PATH!, GIT_ALLOW_PROTOCOL: "file" } };
  const failing = git({ ...call, args: ["ls-remote", "https://user:secret@example.com/a"] });
  await expect(failing).rejects.toMatchObject({
    code: "data-unavailable",
    message: expect.stringMatching(/^git ls-remote ended .*transport .https. not allowed/),
  });
  await expect(git({ ...call, args: ["no-such"], env: { PATH: "/nowhere" } })).rejects.toMatchObject({
    code: "engine-unavailable",
  });
});
