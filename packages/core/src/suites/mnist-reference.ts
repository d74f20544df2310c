/** What PyTorch's figures in golden/mnist-reference.md are compared with: `ticketmark compare --reference mnist-reference`. */
import { referenceSuite } from "./reference.ts";

export const mnistReference = referenceSuite("mnist", {
  id: "mnist-reference",
  name: "MNIST reference",
  summary: "LeNet-300-100 on MNIST by the protocol that PyTorch's reference figures were measured with; seeds 0 to 4.",
});
