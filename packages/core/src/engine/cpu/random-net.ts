/**
 * Random small nets for tests: every kind of layer, in any order that fits, with branches and several readers of a value.
 * What nothing reads is joined at the end, so that every layer has a gradient.
 */
import { type Architecture, type Layer, nodesOf, type Pair, type Shape } from "../../layers.ts";
import type { Rng } from "../../rng.ts";

interface Value {
  readonly name: string;
  readonly shape: Shape;
  readers: number;
}

/** Readers that the cpu engine's kernels take; the way out is one more. */
const MOST_READERS = 3;
/** Padding makes planes grow. */
const MOST_PIXELS = 150;

export function randomNet(rng: Rng): Architecture {
  const input: Shape = [1 + rng.below(4), 2 + rng.below(8), 2 + rng.below(8)];
  const layers: Layer[] = [];
  const values: Value[] = [{ name: "images", shape: input, readers: 0 }];
  const some = <T>(list: readonly T[]): T => list[rng.below(list.length)]!;
  const pair = (draw: () => number): Pair => (rng.below(3) ? [draw(), draw()] : (([a]) => [a, a] as const)([draw()]));
  const upTo = (from: number, to: number): number => from + rng.below(to - from + 1);

  /** Adds the layer if it fits; returns what comes out of it. */
  function add(layer: Layer, ...from: Value[]): Value | null {
    const name = layer.name ?? `${layer.kind}${layers.length}`;
    const named = { ...layer, name, input: from[0]!.name } as Layer;
    const shape = shapeAfter(input, layers, named);
    if (!shape) return null;
    for (const value of from) value.readers++;
    layers.push(named);
    const value = { name, shape, readers: 0 };
    values.push(value);
    return value;
  }

  const kinds: readonly ((from: Value) => Value | null)[] = [
    conv,
    conv,
    conv,
    (from) => add({ kind: "batch-norm", name: `norm${layers.length}`, channels: from.shape[0] }, from),
    (from) => add({ kind: some(["relu", "relu", "relu6"] as const) }, from),
    (from) => add({ kind: "dropout", name: `dropout${layers.length}`, rate: some([0, 0.25, 0.5]) }, from),
    pool,
    (from) => {
      const [inputs] = from.shape;
      return add({ kind: "option-a", inputs, outputs: inputs + rng.below(4), stride: upTo(1, 2) }, from);
    },
    sum,
    sum,
  ];

  function conv(from: Value, more: Partial<Layer & { kind: "conv" }> = {}): Value | null {
    const [inputs] = from.shape;
    const groups = some([1, 1, ...[1, 2, 3, 4, 5, 6, 7, 8, 9].filter((n) => inputs % n === 0)]);
    const layer: Layer = {
      ...{
        kind: "conv",
        name: `conv${layers.length}`,
        inputs,
        outputs: groups * upTo(1, Math.ceil(9 / groups)),
        groups,
      },
      ...{ kernel: pair(() => upTo(1, 5)), stride: pair(() => some([1, 1, 2, 3])), padding: pair(() => rng.below(7)) },
      ...{ bias: rng.below(2) === 0, prunable: true },
      ...more,
    };
    return add(layer, from);
  }
  function pool(from: Value): Value | null {
    const kernel = pair(() => upTo(1, 4));
    const padding = kernel.map((size) => rng.below(Math.floor(size / 2) + 1)) as [number, number];
    return add(
      { kind: some(["max-pool", "average-pool"] as const), kernel, stride: pair(() => upTo(1, 3)), padding },
      from,
    );
  }
  /** With any value of its shape, or with a projection of another. */
  function sum(from: Value): Value | null {
    const same = values.filter(({ shape, readers }) => `${shape}` === `${from.shape}` && readers < MOST_READERS);
    let other: Value | null = some(same);
    if (rng.below(2)) {
      const [outputs, height, width] = from.shape;
      const wide = values.filter(
        ({ shape, readers }) => shape[1] >= height && shape[2] >= width && readers < MOST_READERS,
      );
      const reads = some(wide);
      const stride = [Math.ceil(reads.shape[1] / height), Math.ceil(reads.shape[2] / width)] as const;
      const fits = Math.ceil(reads.shape[1] / stride[0]) === height && Math.ceil(reads.shape[2] / stride[1]) === width;
      if (fits) other = conv(reads, { outputs, kernel: [1, 1], stride, padding: [0, 0], groups: 1 });
    }
    return other && add({ kind: "add", other: other.name }, from, other);
  }

  for (let left = upTo(2, 9); left > 0; left--) {
    const free = values.filter(({ readers, shape }) => readers < MOST_READERS && shape[1] * shape[2] <= MOST_PIXELS);
    some(kinds)(rng.below(4) && free.includes(values.at(-1)!) ? values.at(-1)! : some(free));
  }

  const classes = upTo(2, 6);
  const linear = (inputs: number, outputs: number): Layer => ({
    ...{ kind: "linear", name: `linear${layers.length}`, inputs, outputs, bias: rng.below(4) > 0, prunable: true },
  });
  const flat = ({ shape }: Value): number => shape[0] * shape[1] * shape[2];
  let out: Value | null = null;
  for (const value of values.filter(({ readers }) => readers === 0)) {
    const pooled = rng.below(2) ? add({ kind: "global-average-pool" }, value)! : value;
    const scores = add(linear(flat(pooled), classes), add({ kind: "flatten" }, pooled)!)!;
    out = out ? add({ kind: "add", other: out.name }, scores, out)! : scores;
  }
  if (rng.below(3) === 0) {
    const hidden = add(linear(classes, 11), add({ kind: "relu" }, out!)!)!;
    add(linear(11, classes), add({ kind: "relu" }, hidden)!);
  }
  return { input, classes, layers };
}

/** Of one more layer; null if it does not fit. A net of no classes ends in a complaint that says the last layer's shape. */
function shapeAfter(input: Shape, layers: readonly Layer[], layer: Layer): Shape | null {
  try {
    nodesOf({ input, classes: 0, layers: [...layers, layer] });
  } catch (error) {
    const got = /^layer the last: .* got (\d+) × (\d+) × (\d+)$/.exec((error as Error).message);
    return got && [Number(got[1]), Number(got[2]), Number(got[3])];
  }
  throw new Error("a net of no classes was accepted");
}
