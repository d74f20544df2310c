/**
 * A series for other people's pages: ID.svg is the drawing as a file, ID a page for a frame. Written out by itself and not
 * by the site's layout: no script, no cookie, no form, so there is nothing in it that a page around it could have clicked.
 * ?from=&to=: the part to show, as on the series' page.
 */
import { Problem } from "@ticketmark/core";
import { testbedText } from "../../../../components/regression-compare.ts";
import { type Box, NARROW, SeriesDrawing, WIDE } from "../../../../components/series-drawing.tsx";
import { drawnOf } from "../../../../components/series-drawn.ts";
import { DRAWING_STYLE, escapeXml, svgText } from "../../../../components/series-svg-text.ts";
import { rangeOfCommits } from "../../../../components/series-view.ts";
import { db } from "../../../../db/client.ts";
import { readSeries, type Series } from "../../../../db/series.ts";
import { route } from "../../../../http.ts";
import { drawingReply } from "../../../badges/drawing-reply.ts";

export const { GET } = route({
  async GET(request, params) {
    const [, id, extension] = /^(.*?)(\.svg)?$/s.exec(params.id!)!;
    try {
      const series = await readSeries(await db(), id!);
      const drawings = draw(series, new URL(request.url).searchParams);
      return extension
        ? drawingReply(request, file(drawings.wide), "image/svg+xml")
        : drawingReply(request, page(series, drawings), "text/html");
    } catch (fault) {
      if (!(fault instanceof Problem) || fault.code !== "not-found") throw fault;
      return drawingReply(request, "There is no such series.", "text/plain", 404);
    }
  },
});

interface Drawings {
  readonly wide: string;
  readonly narrow: string;
}

function draw(series: Series, search: URLSearchParams): Drawings {
  const drawn = drawnOf(series);
  const commits = drawn.points.map(({ commit }) => commit);
  const range = rangeOfCommits(commits, search.get("from"), search.get("to"));
  const text = (box: Box) => svgText(SeriesDrawing({ series: drawn, range, box }));
  return { wide: text(WIDE), narrow: text(NARROW) };
}

/** With a size of its own, for pages that give it none. */
const file = (drawing: string): string =>
  drawing.replace(
    /^<svg ([^>]*)>/,
    `<svg $1 width="${WIDE.width}" height="${WIDE.height}"><style>${DRAWING_STYLE}</style>`,
  );

const page = (series: Series, { wide, narrow }: Drawings): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeXml(series.name)}</title>
<style>${DRAWING_STYLE}</style>
<body>
<p><a href="/regressions/series/${escapeXml(series.id)}" target="_blank" rel="noopener">${escapeXml(drawnOf(series).title)}</a></p>
<div class="wide">${wide}</div>
<div class="narrow">${narrow}</div>
<p>${escapeXml(testbedText(series.onTestbed))}</p>
</body>
</html>
`;
