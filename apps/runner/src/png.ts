/**
 * PNG from our SVG: resvg, compiled to wasm, with one font that comes along, so that a picture is the same on every
 * machine, whatever fonts it has. Both are loaded when a PNG is asked for.
 */

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const read = (path: string) => readFile(require.resolve(path));

/** Twice as fine as the SVG's units: sharp on today's screens, and in print. */
const SCALE = 2;

export async function renderPng(svg: string): Promise<Uint8Array> {
  const { initWasm, Resvg } = await import("@resvg/resvg-wasm");
  const [wasm, font] = await Promise.all([
    read("@resvg/resvg-wasm/index_bg.wasm"),
    read("@expo-google-fonts/ibm-plex-sans/400Regular/IBMPlexSans_400Regular.ttf"),
  ]);
  await initWasm(wasm);
  const picture = new Resvg(svg, {
    fitTo: { mode: "zoom", value: SCALE },
    font: { fontBuffers: [font], defaultFontFamily: "IBM Plex Sans" },
  });
  return picture.render().asPng();
}
