/** THE LIST of data sets. One more is one file and one line here. */
import { Problem } from "../problem.ts";
import { registry } from "../registry.ts";
import { cifar10, cifar100 } from "./cifar.ts";
import type { ClassFolder, Dataset } from "./dataset.ts";
import { fashionMnist } from "./fashion-mnist.ts";
import { imagenet } from "./imagenet.ts";
import { kmnist } from "./kmnist.ts";
import { mnist } from "./mnist.ts";
import { padded } from "./padded.ts";
import { tinyImagenet } from "./tiny-imagenet.ts";
import { toy } from "./toy.ts";

export const datasets = registry<Dataset>("data set", [
  mnist,
  fashionMnist,
  kmnist,
  padded(mnist, "mnist-32"),
  padded(fashionMnist, "fashion-mnist-32"),
  cifar10,
  cifar100,
  tinyImagenet,
  imagenet,
  toy,
]);

/** The data set of a spec. Throws Problem "bad-spec". */
export function datasetOf({ dataset: id, classes }: { dataset: string; classes?: readonly ClassFolder[] }): Dataset {
  const dataset = datasets.get(id);
  if (!dataset.withClasses === !classes) return classes ? dataset.withClasses!(classes) : dataset;
  throw new Problem(
    "bad-spec",
    classes
      ? `classes: expected none, as ${id} has its own; got ${classes.length}`
      : `classes: expected those of ${id}, as \`ticketmark data classes DIR\` prints them; got none`,
  );
}
