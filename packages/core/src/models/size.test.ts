import { expect, test } from "vitest";
import { models } from "./index.ts";
import { modelSize, smallestImage } from "./size.ts";

test("LeNet-300-100 on MNIST: 266,610 parameters and a multiply-add for each weight", () => {
  const multiplyAdds = 784 * 300 + 300 * 100 + 100 * 10;
  const size = { parameters: multiplyAdds + 410, prunable: multiplyAdds - 1_000, multiplyAdds };
  expect(modelSize(models.get("lenet-300-100"), [1, 28, 28], 10)).toEqual(size);
});

test("four halvings need 16 pixels a side, a fully connected net one; below that there is no size", () => {
  const vgg = models.get("vgg-16-bn");
  expect(smallestImage(models.get("lenet-300-100"))).toBe(1);
  expect(smallestImage(vgg)).toBe(16);
  expect(modelSize(vgg, [3, 15, 15], 10)).toBeNull();
  expect(modelSize(vgg, [3, 16, 16], 10)).not.toBeNull();
});
