import { expect, test } from "vitest";
import {
  canonicalBytes,
  canonicalJson,
  decodeNumber,
  digestOf,
  digestOfJson,
  digestSchema,
  encodeNumber,
  numberSchema,
  parseCanonical,
} from "./canonical.ts";
import { Problem } from "./problem.ts";

test("RFC 8785 §3.2.3: keys sort by UTF-16 code units", () => {
  const value = {
    "\u20ac": "Euro Sign",
    "\r": "Carriage Return",
    "\ufb33": "Hebrew Letter Dalet With Dagesh",
    "1": "One",
    "\ud83d\ude00": "Emoji: Grinning Face",
    "\u0080": "Control",
    "\u00f6": "Latin Small Letter O With Diaeresis",
  };
  expect(Object.values(JSON.parse(canonicalJson(value)))).toHaveLength(7);
  const order = [...canonicalJson(value).matchAll(/:"([^"]+)"/g)].map((match) => match[1]);
  expect(order).toEqual([
    "Carriage Return",
    "One",
    "Control",
    "Latin Small Letter O With Diaeresis",
    "Euro Sign",
    "Emoji: Grinning Face",
    "Hebrew Letter Dalet With Dagesh",
  ]);
});

test("RFC 8785 §3.2.2: the example, whole", () => {
  const value = JSON.parse(String.raw`{
    "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
    "literals": [null, true, false]
  }`);
  expect(canonicalJson(value)).toBe(
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
});

// RFC 8785 appendix B: IEEE 754 bits and their one text
test.each([
  ["0000000000000000", "0"],
  ["8000000000000000", "0"],
  ["0000000000000001", "5e-324"],
  ["8000000000000001", "-5e-324"],
  ["7fefffffffffffff", "1.7976931348623157e+308"],
  ["4340000000000000", "9007199254740992"],
  ["4430000000000000", "295147905179352830000"],
  ["44b52d02c7e14af5", "9.999999999999997e+22"],
  ["44b52d02c7e14af6", "1e+23"],
  ["444b1ae4d6e2ef4e", "999999999999999700000"],
  ["444b1ae4d6e2ef50", "1e+21"],
  ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
  ["3eb0c6f7a0b5ed8d", "0.000001"],
  ["41b3de4355555553", "333333333.3333332"],
  ["becbf647612f3696", "-0.0000033333333333333333"],
  ["43143ff3c1cb0959", "1424953923781206.2"],
])("number %s is %s", (bits, text) => {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(`0x${bits}`));
  expect(canonicalJson(view.getFloat64(0))).toBe(text);
});

test("what JSON cannot hold is refused; an undefined key is left out", () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, "\ud800", ["\udc00x"], { "\ud800": 1 }, [undefined], 1n])
    expect(() => canonicalJson(value)).toThrow(TypeError);
  expect(canonicalJson({ b: undefined, a: 1 })).toBe('{"a":1}');
  expect(canonicalJson("😀")).toBe('"😀"');
});

test("parsing takes the one encoding of a value and no other", () => {
  const value = { a: [1, 2.5, "ö"], b: null };
  expect(parseCanonical(canonicalBytes(value), "x")).toEqual(value);
  const bytes = (text: string) => new TextEncoder().encode(text);
  for (const other of [
    '{"a":1, "b":2}',
    '{"b":2,"a":1}',
    '{"a":1.0}',
    '{"a":1,"a":1}',
    '"\\u0041"',
    "1e2",
    "-0",
    "\ufeff1",
  ])
    expect(() => parseCanonical(bytes(other), "x"), other).toThrow(/x: expected canonical JSON/);
  for (const broken of ["", "{", "nul"]) expect(() => parseCanonical(bytes(broken), "x")).toThrow(Problem);
  expect(() => parseCanonical(Uint8Array.of(0x22, 0xff, 0x22), "x")).toThrow(Problem);
});

test("nesting has a bound, which reading tells as a Problem", () => {
  const nested = (levels: number) => `${'{"a":['.repeat(levels / 2)}${"]}".repeat(levels / 2)}`;
  const read = (levels: number) => parseCanonical(new TextEncoder().encode(nested(levels)), "x");
  expect(canonicalJson(read(100))).toBe(nested(100));
  for (const levels of [102, 4_000, 200_000]) {
    expect(() => read(levels)).toThrow(Problem);
    expect(() => read(levels)).toThrow(/x: .*nests deeper than 100 levels/);
  }
});

test("digests are sha256 of the canonical bytes", () => {
  const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  expect(digestOf(new Uint8Array())).toBe(empty);
  expect(digestOfJson({ b: 1, a: 2 })).toBe(digestOf(new TextEncoder().encode('{"a":2,"b":1}')));
  expect(digestSchema.safeParse(empty).success).toBe(true);
  expect(digestSchema.safeParse(empty.toUpperCase()).success).toBe(false);
});

test("numbers that are not finite have a text", () => {
  for (const x of [1.5, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    expect(numberSchema.parse(encodeNumber(x))).toBe(encodeNumber(x));
    expect(decodeNumber(encodeNumber(x))).toBe(x);
  }
  expect(encodeNumber(Number.NaN)).toBe("NaN");
  expect(numberSchema.safeParse("1").success).toBe(false);
});
