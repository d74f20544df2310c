/** The ticket: how much of each layer is kept, and where. Drawn on the server from the ticket's file. */
import { datasets, type Mask, models, parameters, type Result, type Spec } from "@ticketmark/core";
import { formatCount, formatPercent } from "./format.ts";
import { levelPaths, type MaskPicture, matrixPicture, pixelPicture } from "./mask-picture.ts";

const LEVELS = 7;

export function LayerBars({ layers }: { layers: Result["layers"] }) {
  return (
    <table className="data">
      <caption className="sr-only">Weights kept by layer</caption>
      <thead>
        <tr>
          <th scope="col">Layer</th>
          <th scope="col" className="w-1/2">
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
        {layers.map(({ name, weights, kept }) => (
          <tr key={name}>
            <th scope="row" className="font-normal! text-ink! align-baseline!">
              {name}
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
  const dataset = datasets.get(spec.dataset);
  const matrices = parameters(models.get(spec.model).architecture(dataset.shape, dataset.classes)).filter(
    ({ name, shape }) => mask[name] && shape.length === 2,
  );
  return (
    <div className="flex flex-wrap gap-x-8 gap-y-6">
      {matrices.map(({ name, shape }, i) => {
        const [outputs, inputs] = shape as [number, number];
        const byPixel = i === 0 && inputs === dataset.shape.reduce((product, side) => product * side, 1);
        const drawn = byPixel ? pixelPicture(mask[name]!, dataset.shape) : matrixPicture(mask[name]!, outputs, inputs);
        return (
          <figure key={name} className="w-56">
            <Picture
              picture={drawn}
              title={byPixel ? `${name}: weights kept by input pixel` : `${name}: weights kept in the matrix`}
            />
            <figcaption className="note mt-1.5">
              <span className="text-ink">{name}</span>{" "}
              {byPixel ? `by input pixel, over ${outputs} outputs` : `${outputs} outputs (down) × ${inputs} inputs`},
              darkest: {formatPercent(drawn.highest, 1)} % kept
            </figcaption>
          </figure>
        );
      })}
    </div>
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
