/** The protocol of mnist-reference on harder images of the same size. */
import { referenceSuite } from "./reference.ts";

export const fashionReference = referenceSuite("fashion-mnist", {
  id: "fashion-reference",
  name: "FashionMNIST reference",
  summary: "LeNet-300-100 on FashionMNIST by the protocol of the MNIST reference; seeds 0 to 4.",
});
