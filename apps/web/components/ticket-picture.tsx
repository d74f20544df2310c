/** The ticket: how much of each layer is kept, and where. Drawn on the server from the ticket's file. */
import {
  architectureOf,
  datasetOf,
  type LayerGroup,
  layerGroups,
  levelPaths,
  type Mask,
  type MaskPicture,
  matrixPicture,
  parameters,
  pixelPicture,
  type Result,
  type Spec,
} from "@ticketmark/core";
import { formatCount, formatPercent } from "./format.ts";

const LEVELS = 7;

/** Pictures of a deep net's ticket: its first and last masked layer, and some in between. */
const PICTURES = 6;

export function LayerBars({ spec, layers }: { spec: Spec; layers: Result["layers"] }) {
  const architecture = architectureOf(spec);
  const groups = layerGroups(architecture, layers);
  return (
    <>
      <LayerTable caption="Weights kept by layer" groups={groups} />
      {groups.length < layers.length && (
        <details className="mt-2">
          <summary className="note">Each of the {layers.length} layers</summary>
          <LayerTable
            caption="Weights kept in each layer"
            groups={layers.flatMap((layer) => layerGroups(architecture, [layer]))}
          />
        </details>
      )}
    </>
  );
}

const withoutWeight = (name: string) => name.replace(/\.weight$/, "");

function LayerTable({ caption, groups }: { caption: string; groups: readonly LayerGroup[] }) {
  return (
    <table className="data">
      <caption className="sr-only">{caption}</caption>
      <thead>
        <tr>
          <th scope="col">Layer</th>
          <th scope="col" className="w-1/3">
            Kept
          </th>
          <th scope="col" className="number">
            Weights
          </th>
          <th scope="col" className="number">
            %
          </th>
        </tr>
      </thead>
      <tbody>
        {groups.map(({ first, last, layers, shape, weights, kept }) => (
          <tr key={first}>
            <th scope="row" className="font-normal! text-ink! align-baseline!">
              {layers === 1 ? first : `${withoutWeight(first)} … ${withoutWeight(last)}`}
              <span className="note block whitespace-nowrap">
                {layers > 1 && `${layers} of `}
                {shape.join(" × ")}
              </span>
            </th>
            <td>
              <svg viewBox="0 0 100 8" preserveAspectRatio="none" className="block h-2 w-full" aria-hidden="true">
                <rect width={100} height={8} fill="var(--color-shade)" />
                <rect width={Math.max((100 * kept) / weights, 0.4)} height={8} fill="var(--color-accent)" />
              </svg>
            </td>
            <td className="number">
              {formatCount(kept)} of {formatCount(weights)}
            </td>
            <td className="number">{formatPercent(kept / weights)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function MaskPictures({ spec, mask }: { spec: Spec; mask: Mask }) {
  const { shape: image } = datasetOf(spec);
  const masked = parameters(architectureOf(spec)).filter(({ name }) => mask[name]);
  const shown =
    masked.length <= PICTURES
      ? masked
      : Array.from({ length: PICTURES }, (_, i) => masked[Math.round((i * (masked.length - 1)) / (PICTURES - 1))]!);
  return (
    <>
      {shown.length < masked.length && (
        <p className="note mb-3">
          {shown.length} of {masked.length} masked layers, from the first to the last.
        </p>
      )}
      <div className="flex flex-wrap gap-x-8 gap-y-6">
        {shown.map(({ name, shape, fanIn }, i) => {
          const [outputs, inputs, ...kernel] = shape as [number, number, ...number[]];
          const byPixel = i === 0 && fanIn === inputs && inputs === image.reduce((product, side) => product * side, 1);
          const drawn = byPixel
            ? pixelPicture(mask[name]!, image)
            : matrixPicture(mask[name]!, outputs, inputs, undefined, fanIn / inputs);
          return (
            <figure key={name} className="w-56">
              <Picture
                picture={drawn}
                title={byPixel ? `${name}: weights kept by input pixel` : `${name}: weights kept in the matrix`}
              />
              <figcaption className="note mt-1.5">
                <span className="text-ink">{name}</span>{" "}
                {byPixel ? `by input pixel, over ${outputs} outputs` : `${outputs} outputs (down) × ${inputs} inputs`}
                {kernel.length > 0 && `, kernels of ${kernel.join(" × ")}`}, darkest: {formatPercent(drawn.highest, 1)}{" "}
                % kept
              </figcaption>
            </figure>
          );
        })}
      </div>
    </>
  );
}

function Picture({ picture, title }: { picture: MaskPicture; title: string }) {
  return (
    <svg
      role="img"
      aria-label={title}
      viewBox={`0 0 ${picture.columns} ${picture.rows}`}
      preserveAspectRatio="none"
      className="aspect-square w-full border border-rule bg-sheet"
      shapeRendering="crispEdges"
    >
      <title>{title}</title>
      {levelPaths(picture, LEVELS).map((path, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the index is the level
        <path key={i} d={path} fill="var(--color-accent)" fillOpacity={(i + 1) / LEVELS} />
      ))}
    </svg>
  );
}
