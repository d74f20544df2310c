/** A series elsewhere: badge, drawing and frame to copy, and its points as files. */
import { CodeBlock } from "./code-block.tsx";

export function SeriesShare({ id, title, site }: { id: string; title: string; site: string }) {
  const page = `${site}/regressions/series/${id}`;
  const inMarkdown = title.replace(/[[\]\\]/g, "\\$&");
  const inHtml = title.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
  const snippets = [
    ["Badge, for a README", `[![${inMarkdown}](${site}/badges/series/${id}.svg)](${page})`],
    ["Drawing", `[![${inMarkdown}](${site}/embed/series/${id}.svg)](${page})`],
    [
      "Frame",
      `<iframe src="${site}/embed/series/${id}" title="${inHtml}" width="100%" height="520" style="border:0" loading="lazy"></iframe>`,
    ],
  ] as const;
  return (
    <div className="space-y-3">
      {/* biome-ignore lint/performance/noImgElement: a badge as others will see it */}
      <img src={`/badges/series/${id}.svg`} alt={`${title}, as a badge`} height={20} className="h-5" />
      {snippets.map(([name, code]) => (
        <div key={name}>
          <p className="note mb-1">{name}</p>
          <CodeBlock what={`the ${name.toLowerCase()}`} code={code} />
        </div>
      ))}
    </div>
  );
}
