import type { Metadata } from "next";
import { connection } from "next/server";
import { formatCompact, formatCount, imageText } from "../../components/format.ts";
import { type ModelSizes, modelSizes } from "../../components/model-sizes.ts";
import { EntryChips, RegistryEntry } from "../../components/registry-entry.tsx";
import { modelName } from "../../components/registry-names.ts";

export const metadata: Metadata = { title: "Models", description: "Each model, its paper, and how large it is." };

export default async function ModelsPage() {
  await connection();
  const all = await modelSizes();
  return (
    <>
      <h1 className="title">Models</h1>
      <p className="mt-1.5 max-w-prose text-soft">
        A model takes any data set whose images are large enough for it. Methods prune the weights of its body: not
        biases, batch norms, the classifier, and a convolutional net’s first layer. Multiply-adds are those of one image
        through the dense net.
      </p>
      <EntryChips title="Models" ids={all.map(({ model }) => model.id)} named={modelName} />
      <div className="mt-6 divide-y divide-rule border-t border-rule">
        {all.map((entry) => (
          <RegistryEntry
            key={entry.model.id}
            member={entry.model}
            source={entry.model.paper}
            query="model"
            note={
              <p className="note mt-2">
                {entry.smallest === 1
                  ? "Takes images of any size."
                  : `Takes images from ${entry.smallest} × ${entry.smallest} on.`}
              </p>
            }
          >
            <SizesTable sizes={entry.sizes} />
          </RegistryEntry>
        ))}
      </div>
    </>
  );
}

function SizesTable({ sizes }: Pick<ModelSizes, "sizes">) {
  return (
    <table className="data self-start sm:table-fixed">
      <caption className="sr-only">Size by images</caption>
      <thead>
        <tr>
          <th scope="col" className="sm:w-40">
            Images
          </th>
          <th scope="col" className="max-md:hidden">
            Data sets
          </th>
          <th scope="col" className="number max-sm:hidden sm:w-20">
            Classes
          </th>
          <th scope="col" className="number sm:w-28">
            Parameters
          </th>
          <th scope="col" className="number sm:w-28">
            Prunable
          </th>
          <th scope="col" className="number whitespace-normal! sm:w-28">
            Multiply-adds
          </th>
        </tr>
      </thead>
      <tbody>
        {sizes.map(({ on, size }) => (
          <tr key={on[0]!.id}>
            <th scope="row" className="font-normal! text-ink! align-baseline! whitespace-nowrap">
              {imageText(on[0]!.shape)}
              {sizes.some((other) => other.on !== on && `${other.on[0]!.shape}` === `${on[0]!.shape}`) && (
                <span className="note block sm:hidden">{formatCount(on[0]!.classes)} classes</span>
              )}
            </th>
            <td className="max-md:hidden">{on.map(({ name }) => name).join(", ")}</td>
            <td className="number max-sm:hidden">{formatCount(on[0]!.classes)}</td>
            {size ? (
              <>
                <td className="number">{formatCount(size.parameters)}</td>
                <td className="number">{formatCount(size.prunable)}</td>
                <td className="number">{formatCompact(size.multiplyAdds)}</td>
              </>
            ) : (
              <td className="number text-soft" colSpan={3}>
                too small for it
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
