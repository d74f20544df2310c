/** What `ticketmark compare --reference mnist-reference` holds against PyTorch's figures. */
import { mnistFigures } from "./mnist-reference.reference.ts";
import { referenceSuite } from "./reference.ts";

export const mnistReference = referenceSuite("mnist", {
  id: "mnist-reference",
  name: "MNIST reference",
  summary: "LeNet-300-100 on MNIST by the protocol that PyTorch's reference figures were measured with; seeds 0 to 4.",
  reference: mnistFigures,
});
