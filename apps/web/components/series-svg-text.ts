/**
 * A drawing as a file: React elements written out as SVG text, for images in other people's pages, which have neither our
 * script nor our style sheet. Components are called: they may use no hooks. Text and attributes are escaped.
 */
import type { ReactElement, ReactNode } from "react";

/**
 * The tokens of app/globals.css that drawings use, in light and in dark, as sRGB: an image stands alone, and follows the
 * reader's system.
 */
const COLOURS: Readonly<Record<string, readonly [light: string, dark: string]>> = {
  sheet: ["#ffffff", "#171b1e"],
  rule: ["#e1e0da", "#2f3539"],
  edge: ["#88867e", "#747b81"],
  ink: ["#1a1f24", "#ebe9e5"],
  soft: ["#51575e", "#aeaca6"],
  accent: ["#006173", "#77ced8"],
  wash: ["#def3f5", "#153036"],
  bad: ["#ac2724", "#fc928a"],
  "method-l1": ["#bc7d25", "#c89344"],
  "method-synflow": ["#704ca6", "#bd9ff2"],
  "method-random": ["#4e835a", "#81bb8d"],
};
const tokens = (which: 0 | 1) =>
  Object.entries(COLOURS)
    .map(([name, pair]) => `--color-${name}:${pair[which]}`)
    .join(";");

/** For the style element of a file, or of a page that has a wide and a narrow drawing. */
export const DRAWING_STYLE = [
  `:root{color-scheme:light dark;font-family:system-ui,sans-serif;${tokens(0)}}`,
  `@media(prefers-color-scheme:dark){:root{${tokens(1)}}}`,
  "html{color:var(--color-ink);font-size:14px}a{color:var(--color-accent)}.narrow{display:none}",
  "@media(max-width:600px){.narrow{display:block}.wide{display:none}}",
].join("");

/** What XML 1.0 has no place for, escaped or not, becomes a replacement character. */
export const escapeXml = (text: string): string =>
  text
    .replace(/(?![\t\n\r])\p{Cc}|\p{Cs}|[\ufffe\uffff]/gu, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");

/** Attributes that SVG spells in camel case itself. */
const AS_THEY_ARE = new Set(["viewBox"]);
const nameOf = (attribute: string) =>
  AS_THEY_ARE.has(attribute) ? attribute : attribute.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

export function svgText(node: ReactNode): string {
  if (node === null || node === undefined || typeof node === "boolean") return "";
  if (typeof node === "string" || typeof node === "number") return escapeXml(String(node));
  if (Array.isArray(node)) return node.map((child) => svgText(child)).join("");
  const { type, props } = node as ReactElement<Record<string, unknown>>;
  if (typeof type === "function") return svgText((type as (of: object) => ReactNode)(props));
  const { children, className: _, ...attributes } = props;
  const inside = svgText(children as ReactNode);
  if (typeof type !== "string") return inside; // a fragment
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => ` ${nameOf(name)}="${escapeXml(String(value))}"`);
  return `<${type}${written.join("")}>${inside}</${type}>`;
}
