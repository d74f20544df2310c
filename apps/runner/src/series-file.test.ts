import { mkdtemp, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MAX_POINTS } from "@ticketmark/core";
import { describe, expect, it } from "vitest";
import { parseSeries, readSeries } from "./series-file.ts";

const parse = (text: string) => parseSeries(new TextEncoder().encode(text), "f");
const refused = (text: string) => {
  try {
    parse(text);
  } catch (error) {
    expect(error).toMatchObject({ name: "Problem", code: "bad-file" });
    return (error as Error).message;
  }
  throw new Error("it was not refused");
};

describe("CSV of series", () => {
  it("has a series a column, time and commit at any place or none", () => {
    expect(parse("time,commit,ms,MB\n1,aa,1.5,10\n2,bb,-2e3,20\n")).toEqual([
      { name: "ms", values: [1.5, -2000], commits: ["aa", "bb"] },
      { name: "MB", values: [10, 20], commits: ["aa", "bb"] },
    ]);
    expect(parse("ms,Commit,TIME\n1,aa,2025-01-02\n2,bb,2025-01-01")).toEqual([
      { name: "ms", values: [2, 1], commits: ["bb", "aa"] },
    ]);
    expect(parse("[ms],commit\n1,aa")).toEqual([{ name: "[ms]", values: [1], commits: ["aa"] }]);
    expect(parse("ms,commit\n1,aa")).toEqual([{ name: "ms", values: [1], commits: ["aa"] }]);
    expect(parse("ms\n+1.\n.5")).toEqual([{ name: "ms", values: [1, 0.5], commits: null }]);
    expect(parse("ms\n")).toEqual([{ name: "ms", values: [], commits: null }]);
  });

  it("does without rows that have no value of a series", () => {
    expect(parse("commit,a,b\nx,1,\ny,,2\nz,3,4\n")).toEqual([
      { name: "a", values: [1, 3], commits: ["x", "z"] },
      { name: "b", values: [2, 4], commits: ["y", "z"] },
    ]);
  });

  it("is sorted by time where it has one; rows of one time keep their order", () => {
    const order = (...times: string[]) =>
      parse(`v,time\n${times.map((time, i) => `${i},${time}`).join("\n")}`)[0]!.values;
    expect(order("10", "9", "-1e1", "9")).toEqual([2, 1, 3, 0]);
    expect(parse("v\n3\n1\n2")[0]!.values).toEqual([3, 1, 2]);
    expect(order("2025-01-02", "2025-01-01T23:59:59.5Z", "2024-12-31")).toEqual([2, 1, 0]);
    // 12:00 UTC, 11:30, 11:45, 11:50, 11:40; the first has no offset, and the machine's does not matter
    expect(
      order(
        "2025-01-01T12:00",
        "2025-01-01 12:30:00 +0100",
        "2025-01-01T06:45:00-05:00",
        "2025-01-01 12:50:00+01",
        "2025-01-01T11:40Z",
      ),
    ).toEqual([1, 4, 2, 3, 0]);
  });

  it("is read as RFC 4180 has it, with what spreadsheets do to it", () => {
    const bom = "\uFEFF";
    expect(parse(`${bom}time,"a ""b"", c"\r\n\r\n"2", 1 \r\n1,"2"\r\n`)).toEqual([
      { name: 'a "b", c', values: [2, 1], commits: null },
    ]);
    expect(parse('"a\nb",commit\r1,"x\r\ny"')).toEqual([{ name: "a\nb", values: [1], commits: ["x\r\ny"] }]);
    expect(parse('a,"b"\n1,""\n,"2"')).toMatchObject([{ values: [1] }, { values: [2] }]);
  });

  it("says line and column of what is wrong", () => {
    expect(refused("time,ms\n1,2\n\n2,abc")).toBe('f:4: column "ms": expected a number; got "abc"');
    expect(refused('"a\nb",ms\n1,2\n3,0x10')).toBe('f:4: column "ms": expected a number; got "0x10"');
    expect(refused('"a\r\nb",ms\r\n1,2\r\n3,x')).toMatch(/^f:4: column "ms"/);
    expect(refused("ms\n1e999")).toBe('f:2: column "ms": expected a number; got "1e999"');
    expect(refused("ms\nNaN")).toMatch(/expected a number; got "NaN"/);
    expect(refused(`ms\n${"9x".repeat(50)}`)).toMatch(/got "(9x){20}…"$/);
    expect(refused("time,ms\n1,2\n,3")).toBe('f:3: column "time": expected a number; it is empty');
    expect(refused("time,ms\n1,2\n2025-01-01,3")).toMatch(/f:3: column "time": expected a number; got/);
    for (const time of ["soon", "2025-02-30", "2025-01-01T25:00", "2025-01-01T12", "01/02/2025", "2025-01-01 12:00 +1"])
      expect(refused(`time,ms\n${time},2`)).toBe(`f:2: column "time": expected an ISO 8601 time; got "${time}"`);
    expect(refused("time,ms\n2025-01-01,2\n7,2")).toMatch(/f:3: column "time": expected an ISO 8601 time; got "7"/);
    expect(refused("commit,ms\n,2")).toBe('f:2: column "commit": expected 1 to 200 characters; it is empty');
    expect(refused("a,b\n1,2,3")).toBe("f:2: expected 2 cells, as the header has; there are 3");
    expect(refused("a,b\n1")).toBe("f:2: expected 2 cells, as the header has; there are 1");
    expect(refused("time,commit\n1,x")).toBe("f:1: expected a column of values; there is only time and commit");
    expect(refused("a,,b\n1,2,3")).toBe("f:1: column 2: expected a name of 1 to 200 characters; it has 0");
    expect(refused("a,b,a\n1,2,3")).toBe('f:1: expected one column "a"; there are more');
    expect(refused("time,Time,b\n1,2,3")).toBe('f:1: expected one column "time"; there are more');
    expect(refused('a\n1\n"2\n3\n')).toBe("f:3: expected the end of a quoted cell; the file ends before it");
    expect(refused('a\n"1\n"2\n')).toMatch(/^f:3: expected quotation marks around a whole cell.*got "2"$/);
    expect(refused('a\n1"2"\n')).toMatch(/^f:2: expected quotation marks/);
    expect(refused("")).toBe("f: expected CSV with a header, or JSON; it is empty");
    expect(refused("\n\r\n")).toMatch(/it is empty/);
    expect(() => parseSeries(Uint8Array.of(0xff, 0xfe, 0x61, 0), "f")).toThrow("f: expected UTF-8");
  });

  it("is bounded", async () => {
    const numbers = (n: number) => Array.from({ length: n }, (_, i) => i);
    expect(parse(numbers(1_000).join())).toHaveLength(1_000);
    expect(parse(`time,commit,${numbers(1_000).join()}`)).toHaveLength(1_000);
    expect(refused(numbers(1_001).join())).toBe("f:1: expected at most 1000 columns of values; there are 1001");
    expect(refused(",".repeat(1_002))).toBe("f:1: expected at most 1002 cells; there are more");
    const full = `ms\n${numbers(MAX_POINTS).join("\n")}`;
    expect(parse(full)[0]!.values).toHaveLength(MAX_POINTS);
    expect(refused(`${full}\n1`)).toBe(`f:10002: column "ms": expected at most ${MAX_POINTS} values`);
    expect(parse("ms\n-1e100")[0]!.values).toEqual([-1e100]);
    expect(refused("ms\n-1.1e100")).toBe('f:2: column "ms": expected at most 1e+100 either way; got "-1.1e100"');
    const path = join(await mkdtemp(join(tmpdir(), "ticketmark-series-")), "series.csv");
    await writeFile(path, "ms\n1\n");
    expect(await readSeries(path)).toMatchObject([{ values: [1] }]);
    await truncate(path, (64 << 20) + 1);
    await expect(readSeries(path)).rejects.toMatchObject({ code: "too-large" });
    await expect(readSeries(`${path}x`)).rejects.toMatchObject({ code: "not-found" });
  });
});

describe("JSON of series", () => {
  const series = (one: object) => refused(JSON.stringify({ series: [one] }));

  it("is told from CSV by its content", () => {
    const text = '\n {"series":[{"name":"ms","values":[1,-2.5],"commits":["a","b"]},{"name":"MB","values":[]}]}';
    expect(parse(text)).toEqual([
      { name: "ms", values: [1, -2.5], commits: ["a", "b"] },
      { name: "MB", values: [], commits: null },
    ]);
  });

  it("says where it is wrong", () => {
    expect(refused("{")).toMatch(/^f: expected JSON: /);
    for (const array of ["[]", "[1, 2]", ' [\n {"name":"a","values":[1]}]'])
      expect(refused(array)).toBe('f: expected an object { "series": [{ "name", "values" }] }; got an array');
    expect(refused("{}")).toMatch(/^f: series: /);
    expect(refused('{"series":[],"x":1}')).toMatch(/^f: \(file\): .*"x"/);
    expect(series({ name: "a", values: [1, "2"] })).toMatch(/^f: series\.0\.values\.1: .*number/);
    expect(series({ name: "a", values: [null] })).toMatch(/^f: series\.0\.values\.0: /);
    expect(refused('{"series":[{"name":"a","values":[1e999]}]}')).toMatch(/^f: series\.0\.values\.0: /);
    expect(series({ name: "", values: [] })).toMatch(/^f: series\.0\.name: /);
    expect(series({ name: "a", values: [], unit: "ms" })).toMatch(/^f: series\.0: .*"unit"/);
    expect(series({ name: "a", values: [1, 2], commits: ["x"] })).toBe(
      "f: series.0.commits: expected as many as values",
    );
    const twice = { name: "a", values: [1] };
    expect(refused(JSON.stringify({ series: [twice, twice] }))).toBe("f: series: expected names that differ");
  });

  it("is bounded", () => {
    const values = new Array(MAX_POINTS + 1).fill("not a number");
    expect(series({ name: "a", values })).toMatch(/^f: series\.0\.values: Too big.*10000/);
    expect(refused(JSON.stringify({ series: new Array(1_001).fill({}) }))).toMatch(/^f: series: Too big.*1000/);
    expect(series({ name: "a", values: [1e101] })).toMatch(/^f: series\.0\.values\.0: Too big/);
    expect(series({ name: "a".repeat(201), values: [] })).toMatch(/^f: series\.0\.name: Too big/);
  });
});
