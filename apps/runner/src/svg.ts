/** Pictures as SVG text, in the light colours of the site (apps/web/app/globals.css), on white: for papers and pages. */

export const INK = "#1a1f24";
export const SOFT = "#51575e";
export const RULE = "#e1e0da";
export const EDGE = "#88867e";
/** A name that every PNG has (png.ts), and what a viewer may have instead. */
export const FONT = "IBM Plex Sans, Helvetica, Arial, sans-serif";
export const FONT_SIZE = 12;

const COLOURS: Readonly<Record<string, string>> = {
  dense: "#44484d",
  random: "#4e835a",
  "scratch-equal-iterations": "#2b5f39",
  l1: "#bc7d25",
  "l1-iter": "#915006",
  lth: "#4b90d5",
  "lth-iter": "#2550a4",
  rst: "#d45c91",
  "rst-iter": "#942464",
  snip: "#0d9298",
  grasp: "#006973",
  synflow: "#714ca6",
  "early-bird": "#c35141",
  set: "#7e8826",
  rigl: "#596100",
  gmp: "#724a3c",
};
export const colourOf = (method: string): string => COLOURS[method] ?? "#7c58a3";

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** One element; attributes that are undefined are left out. */
export function el(name: string, attributes: Attributes, ...children: readonly string[]): string {
  const written = Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [` ${key}="${escaped(typeof value === "number" ? short(value) : value)}"`],
  );
  const inside = children.join("");
  return inside === "" ? `<${name}${written.join("")}/>` : `<${name}${written.join("")}>${inside}</${name}>`;
}

export const text = (x: number, y: number, words: string, more: Attributes = {}): string =>
  el("text", { x, y, fill: SOFT, ...more }, escaped(words));

export const path = (d: string, stroke: string, more: Attributes = {}): string =>
  el("path", { d, fill: "none", stroke, ...more });

/** A whole picture with its title. */
export function picture(width: number, height: number, title: string, ...children: readonly string[]): string {
  const frame = { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${short(width)} ${short(height)}`, width, height };
  return `${el(
    "svg",
    { ...frame, "font-family": FONT, "font-size": FONT_SIZE },
    el("title", {}, escaped(title)),
    el("rect", { width, height, fill: "#ffffff" }),
    text(16, 24, title, { fill: INK, "font-size": 15 }),
    ...children,
  )}\n`;
}

/** Two decimals are finer than a screen. */
export const short = (x: number): string => String(Number(x.toFixed(2)));

const escaped = (words: string): string =>
  words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
