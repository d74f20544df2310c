/** Badges: a label and what it comes to, as small SVG images for a README. */
import { escapeXml } from "./series-svg-text.ts";

export interface Badge {
  readonly label: string;
  readonly value: string;
  readonly tone: "good" | "bad" | "plain";
}

/** White text on each of them is read easily (contrast above 4.5). */
const TONES: Record<Badge["tone"], string> = { good: "#2b7a4b", bad: "#b4241c", plain: "#3f5f73" };
const LABEL = "#4a4f55";
const MOST_LETTERS = 80;

/** Widths of letters in Verdana at 11 px, roughly: what is left is taken up by textLength. */
const widthOf = (text: string): number => {
  let width = 0;
  for (const letter of text)
    width += /[ijl.,:;'|!]/.test(letter) ? 3.9 : /[mwMW%]/.test(letter) ? 10.6 : /[A-Z]/.test(letter) ? 7.9 : 6.8;
  return Math.ceil(width);
};

export function badgeSvg({ label, value, tone }: Badge): string {
  const parts = [label, value].map((text) => [...text].slice(0, MOST_LETTERS).join(""));
  const widths = parts.map(widthOf);
  const [left, right] = widths.map((width) => width + 12) as [number, number];
  const spoken = escapeXml(parts.join(": "));
  const text = (i: 0 | 1, x: number) =>
    `<text x="${x}" y="14" textLength="${widths[i]}" lengthAdjust="spacingAndGlyphs">${escapeXml(parts[i]!)}</text>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${left + right}" height="20" role="img" aria-label="${spoken}">`,
    `<title>${spoken}</title>`,
    `<clipPath id="r"><rect width="${left + right}" height="20" rx="3"/></clipPath>`,
    `<g clip-path="url(#r)"><rect width="${left}" height="20" fill="${LABEL}"/>`,
    `<rect x="${left}" width="${right}" height="20" fill="${TONES[tone]}"/></g>`,
    `<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">${text(0, 6)}${text(1, left + 6)}</g>`,
    "</svg>",
  ].join("");
}
