import { expect, test } from "vitest";
import { datasets } from "../datasets/index.ts";
import { multiplyAdds } from "../flops.ts";
import { type Architecture, learned, nodesOf, type Parameter, parameters } from "../layers.ts";
import { uniformQuotas } from "../mask.ts";
import { seededRng } from "../rng.ts";
import type { Weights } from "../weights.ts";
import { models } from "./index.ts";

/** Four halvings leave nothing of 8 × 8; nor do two convolutions 5 × 5 without padding. */
const TOO_DEEP_FOR_TOY = new Set(["vgg-11-bn", "vgg-16-bn", "vgg-19-bn", "lenet-5"]);
const mnist = datasets.get("mnist");
const lenet = models.get("lenet-300-100");
const architecture = lenet.architecture(mnist.shape, mnist.classes);

test("LeNet-300-100: 266,610 parameters, of which 265,200 prunable", () => {
  const all = parameters(architecture);
  expect(all.map(({ name, shape, prunable }) => [name, ...shape, prunable])).toEqual([
    ["fc1.weight", 300, 784, true],
    ["fc1.bias", 300, false],
    ["fc2.weight", 100, 300, true],
    ["fc2.bias", 100, false],
    ["fc3.weight", 10, 100, false],
    ["fc3.bias", 10, false],
  ]);
  expect(all.reduce((sum, { size }) => sum + size, 0)).toBe(266_610);
});

test("initial weights and biases are uniform in ±1/√inputs", () => {
  const weights = lenet.initialise(architecture, seededRng(1));
  for (const { name, fanIn, size } of parameters(architecture)) {
    const bound = 1 / Math.sqrt(fanIn);
    const values = weights[name]!;
    expect(values.length).toBe(size);
    expect(Math.max(...values.slice(0, 10_000).map(Math.abs))).toBeLessThanOrEqual(Math.fround(bound));
    if (size < 10_000) continue;
    const mean = values.reduce((sum, w) => sum + w, 0) / size;
    const deviation = Math.sqrt(values.reduce((sum, w) => sum + w * w, 0) / size);
    expect(Math.abs(mean)).toBeLessThan(0.02 * bound);
    expect(deviation).toBeCloseTo(bound / Math.sqrt(3), 3); // as golden/layers.json: 0.02062 for 784 inputs
  }
});

const cifar = [3, 32, 32] as const;
const imagenet = [3, 224, 224] as const;

// On CIFAR-10, learned parameters. Where a figure is published, its source and its digits; the others are pinned as what their layers add up to.
test.each<[string, number, number, number, string]>([
  ["resnet-8", 75_290, 73_728, 12_239_488, "counted by hand below"],
  ["resnet-20", 269_722, 267_264, 40_551_040, "akamaster/pytorch_resnet_cifar10: 0.27M"],
  ["resnet-32", 464_154, 460_800, 68_862_592, "akamaster/pytorch_resnet_cifar10: 0.46M"],
  ["resnet-44", 658_586, 654_336, 97_174_144, "akamaster/pytorch_resnet_cifar10: 0.66M"],
  ["resnet-56", 853_018, 847_872, 125_485_696, "akamaster/pytorch_resnet_cifar10: 0.85M"],
  ["resnet-110", 1_727_962, 1_718_784, 252_887_680, "akamaster/pytorch_resnet_cifar10: 1.7M"],
  ["vgg-11-bn", 9_231_114, 9_216_000, 152_769_536, "open_lth's cifar_vgg_11, its layers"],
  ["vgg-16-bn", 14_728_266, 14_708_736, 313_201_664, "open_lth's cifar_vgg_16, its layers"],
  ["vgg-19-bn", 20_040_522, 20_017_152, 398_136_320, "open_lth's cifar_vgg_19, its layers"],
  ["conv-2", 4_301_642, 4_296_704, 43_780_608, "the layers of its description"],
  ["conv-4", 2_425_930, 2_420_736, 98_306_560, "the layers of its description"],
  ["conv-6", 2_262_602, 2_256_896, 153_881_088, "the layers of its description"],
  ["resnet-18", 11_173_962, 11_157_504, 555_422_720, "kuangliu/pytorch-cifar's ResNet18, its layers"],
  ["resnet-34", 21_282_122, 21_258_240, 1_159_402_496, "kuangliu/pytorch-cifar's ResNet34, its layers"],
  ["resnet-50", 23_520_842, 23_445_504, 1_297_829_888, "kuangliu/pytorch-cifar's ResNet50, its layers"],
  ["wrn-16-8", 10_961_370, 10_948_608, 1_548_145_664, "Zagoruyko and Komodakis, Table 4: 11.0M"],
  ["wrn-22-2", 1_079_642, 1_075_200, 157_730_048, "counted by hand below"],
  ["wrn-28-10", 36_479_194, 36_454_400, 5_243_328_768, "Table 4: 36.5M; osmr/imgclsmob's tests: 36479194"],
  ["wrn-40-2", 2_243_546, 2_236_416, 327_599_360, "Zagoruyko and Komodakis, Table 4: 2.2M"],
  ["mobilenet-v2", 2_296_922, 2_248_160, 91_154_944, "kuangliu/pytorch-cifar's MobileNetV2, its layers; see below"],
])("%s: %i parameters, %i of them prunable, %i multiply-adds (%s)", (id, all, prunable, work) => {
  const net = models.get(id).architecture(cifar, 10);
  expect(sizes(net)).toEqual({ all, prunable, work });
});

const sizes = (net: Architecture) => ({
  all: total(learned(net)),
  prunable: total(parameters(net).filter((parameter) => parameter.prunable)),
  work: multiplyAdds(net),
});
const total = (of: readonly Parameter[]): number => of.reduce((sum, { size }) => sum + size, 0);

// https://pytorch.org/vision/stable/models/generated/torchvision.models.resnet18.html and so on: num_params, GFLOPS
test.each<[string, number, number, number, string]>([
  ["resnet-18-imagenet", 11_689_512, 11_157_504, 1_814_073_344, "1.81"],
  ["resnet-34-imagenet", 21_797_672, 21_258_240, 3_663_761_408, "3.66"],
  ["resnet-50-imagenet", 25_557_032, 23_445_504, 4_089_184_256, "4.09"],
  ["mobilenet-v2-imagenet", 3_504_872, 2_188_896, 300_774_272, "0.30"],
])(
  "%s is torchvision's: %i parameters on ImageNet, %i of them prunable, %i multiply-adds",
  (id, all, prunable, work, giga) => {
    const net = models.get(id).architecture(imagenet, 1000);
    expect(sizes(net)).toEqual({ all, prunable, work });
    expect((work / 1e9).toFixed(2)).toBe(giga);
  },
);

test("planes of the ImageNet nets are halved where torchvision's are", () => {
  const planes = (id: string, ...names: string[]) => {
    const nodes = nodesOf(models.get(id).architecture(imagenet, 1000));
    return names.map((name) => nodes.find(({ layer }) => layer.name === name)!.shape);
  };
  expect(planes("resnet-18-imagenet", "layer1.0")).toEqual([[64, 56, 56]]);
  // v1.5: the 3 × 3 has the stride
  expect(planes("resnet-50-imagenet", "layer2.0.conv1", "layer2.0.conv2", "layer2.0.conv3")).toEqual([
    [128, 56, 56],
    [128, 28, 28],
    [512, 28, 28],
  ]);
  expect(planes("mobilenet-v2-imagenet", "features.2.conv.0.0", "features.2.conv.1.0", "features.18.0")).toEqual([
    [96, 112, 112],
    [96, 56, 56],
    [1280, 7, 7],
  ]);
});

test("LeNets on MNIST: 266,610 and 431,080 parameters; every weight of LeNet-5 but the outer layers' is prunable", () => {
  // 431,080: 20·25 + 20, 50·20·25 + 50, 500·800 + 500, 10·500 + 10
  const on = (id: string) => sizes(models.get(id).architecture(mnist.shape, mnist.classes));
  expect(on("lenet-300-100")).toEqual({ all: 266_610, prunable: 265_200, work: 266_200 });
  expect(on("lenet-5")).toEqual({
    all: 520 + 25_050 + 400_500 + 5_010,
    prunable: 25_000 + 400_000,
    work: 576 * 500 + 64 * 25_000 + 400_000 + 5_000,
  });
});

test("WRN-22-2, counted by hand", () => {
  const convolutions = (inputs: number, width: number) => 9 * (inputs * width + 5 * width * width) + inputs * width;
  const body = convolutions(16, 32) + convolutions(32, 64) + convolutions(64, 128);
  const norms = 2 * (16 + 32 * 5 + 32 + 64 * 5 + 64 + 128 * 5 + 128);
  expect(sizes(models.get("wrn-22-2").architecture(cifar, 10))).toMatchObject({
    all: 9 * 48 + body + norms + 1_290,
    prunable: body,
  });
});

test("MobileNetV2 for small images has torchvision's parameters, four projections and a convolution more", () => {
  const [small, torchvision] = ["mobilenet-v2", "mobilenet-v2-imagenet"].map(
    (id) => sizes(models.get(id).architecture(cifar, 10)).all,
  );
  const unit = (inputs: number, outputs: number) => inputs * outputs + 2 * outputs; // a convolution 1 × 1 and its norm
  const projections = unit(32, 16) + unit(16, 24) + unit(64, 96) + unit(160, 320);
  expect(small! - torchvision!).toBe(projections + unit(32, 32));
});

// The body's share p of ResNet-56, in the authors' setting: dlth-facts §2.8, from their code's layers.
test.each<[share: number, pruned: number, cifar10: [number, number], cifar100: [number, number]]>([
  [0.5, 423_936, [49.94, 2.0], [49.6, 1.98]],
  [0.7, 593_532, [69.91, 3.32], [69.44, 3.27]],
  [0.9, 763_110, [89.89, 9.89], [89.28, 9.33]],
  [0.95, 805_500, [94.88, 19.54], [94.24, 17.37]],
  [0.98, 830_927, [97.88, 47.12], [97.22, 35.95]],
])("ResNet-56 pruned by %d: %i weights, and what that is of all", (share, pruned, ...expected) => {
  for (const [i, classes] of [10, 100].entries()) {
    const weights = parameters(models.get("resnet-56").architecture(cifar, classes)).filter((p) => p.kind === "weight");
    const prunable = weights.filter((weight) => weight.prunable);
    const quotas = uniformQuotas(Object.fromEntries(prunable.map(({ name, size }) => [name, size])), share);
    const sum = quotas.reduce((all, { prune }) => all + prune, 0);
    expect(sum).toBe(pruned);
    const [sparsity, compression] = expected[i]!;
    expect((100 * sum) / total(weights)).toBeCloseTo(sparsity, 2);
    expect(total(weights) / (total(weights) - sum)).toBeCloseTo(compression, 2);
  }
});

test("ResNet-8, counted by hand", () => {
  const net = models.get("resnet-8").architecture(cifar, 10);
  const convolutions = 9 * (3 * 16 + 2 * 16 * 16 + 16 * 32 + 32 * 32 + 32 * 64 + 64 * 64);
  const norms = 2 * (3 * 16 + 2 * 32 + 2 * 64);
  expect(sizes(net).all).toBe(convolutions + norms + 640 + 10);
  expect(sizes(net).work).toBe(
    9 * (1024 * (3 * 16 + 2 * 16 * 16) + 256 * (16 * 32 + 32 * 32) + 64 * (32 * 64 + 64 * 64)) + 640,
  );
});

test("names are the authors' and torchvision's; conv1 and the classifier are whole", () => {
  const resnet20 = parameters(models.get("resnet-20").architecture(cifar, 10));
  expect(resnet20.slice(0, 8).map(({ name }) => name)).toEqual([
    "conv1.weight",
    "bn1.weight",
    "bn1.bias",
    "bn1.running_mean",
    "bn1.running_var",
    "layer1.0.conv1.weight",
    "layer1.0.bn1.weight",
    "layer1.0.bn1.bias",
  ]);
  const whole = (id: string) =>
    parameters(models.get(id).architecture(cifar, 10)).flatMap(({ name, kind, prunable }) =>
      kind === "weight" && !prunable ? [name] : [],
    );
  for (const id of ["resnet-20", "resnet-56"]) expect(whole(id)).toEqual(["conv1.weight", "linear.weight"]);
  for (const id of ["resnet-18", "resnet-18-imagenet"]) expect(whole(id)).toEqual(["conv1.weight", "fc.weight"]);
  expect(whole("vgg-16-bn")).toEqual(["layers.0.conv.weight", "fc.weight"]);
  expect(whole("conv-4")).toEqual(["conv1.weight", "fc3.weight"]);
  const resnet18 = parameters(models.get("resnet-18").architecture(cifar, 10)).map(({ name }) => name);
  expect(resnet18).toContain("layer2.0.downsample.0.weight");
  expect(resnet18).toContain("layer4.0.downsample.1.running_var");
  expect(resnet18.filter((name) => name.endsWith("downsample.0.weight")).length).toBe(3);
});

test("conv nets start from Kaiming's normal; batch norms as the identity", () => {
  const net = models.get("resnet-20").architecture(cifar, 10);
  const weights = models.get("resnet-20").initialise(net, seededRng(1));
  for (const { name, kind, fanIn, size } of parameters(net)) {
    const values = weights[name]!;
    if (kind === "weight" && size > 5_000) {
      const deviation = Math.sqrt(values.reduce((sum, w) => sum + w * w, 0) / size);
      expect(deviation / Math.sqrt(2 / fanIn), name).toBeCloseTo(1, 1);
      expect(Math.max(...values) / deviation, name).toBeGreaterThan(3); // no uniform has such a tail
    }
    if (kind === "scale" || name.endsWith("running_var")) expect([...new Set(values)], name).toEqual([1]);
    if (kind === "shift" || name.endsWith("running_mean")) expect([...new Set(values)], name).toEqual([0]);
    if (kind === "bias") expect(Math.max(...values.map(Math.abs)), name).toBeLessThanOrEqual(1 / Math.sqrt(fanIn));
  }
});

/** As text: comparing a million numbers one by one takes vitest seconds. */
const bytesOf = (weights: Weights) =>
  Object.entries(weights).map(([name, { buffer }]) => `${name} ${Buffer.from(buffer).toString("base64")}`);

test("every model fits the data sets whose images are large enough, and says so of the others", () => {
  for (const model of models.list) {
    for (const { id, shape, classes } of datasets.list) {
      const net = model.architecture(shape, classes);
      if (id === "toy" && TOO_DEEP_FOR_TOY.has(model.id)) expect(() => nodesOf(net)).toThrow(/a plane that holds/);
      else expect(nodesOf(net).at(-1)!.shape).toEqual([classes, 1, 1]);
      const last = net.layers.findLast((layer) => layer.kind === "linear")!;
      expect([last.outputs, last.prunable]).toEqual([classes, false]);
    }
  }
});

test("initial weights are the architecture's parameters in its order, and depend on the seed alone", () => {
  for (const model of models.list) {
    const net = model.architecture([1, 8, 8], 4);
    const all = parameters(net);
    if (all.reduce((sum, { size }) => sum + size, 0) > 1_000_000) continue; // the same code as the smaller ones'
    const weights = model.initialise(net, seededRng(2));
    expect(Object.keys(weights)).toEqual(all.map(({ name }) => name));
    expect(bytesOf(model.initialise(net, seededRng(2)))).toEqual(bytesOf(weights));
    expect(bytesOf(model.initialise(net, seededRng(3)))).not.toEqual(bytesOf(weights));
  }
});
