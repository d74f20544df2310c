/**
 * The convolutional part of a net, as the kernels see it (kernels/body.h): steps that compute (convolutions, pools), and sites,
 * the values between them. Batch norm, addition, activations and option-A shortcuts are no steps: they are folded into
 * the site that a step reads, so that no pass over memory is spent on them.
 */
import type { Architecture, ConvLayer, DropoutLayer, Node, Pair, Shape } from "../../layers.ts";
import { nodesOf } from "../../layers.ts";
import { Problem } from "../../problem.ts";

export interface Norm {
  readonly name: string;
  /** Whose values it normalises. */
  readonly of: Site;
}

export interface Term {
  readonly from: Site;
  readonly norm?: Norm;
  /** Option A: every stride-th pixel of `from`, after `before` channels of zeros. */
  readonly sampled?: { readonly stride: number; readonly before: number };
}

/** act(term + term); a site without terms is what its step wrote, or the images. */
export interface Site {
  readonly shape: Shape;
  readonly terms: Term[];
  act: "none" | "relu" | "relu6";
  /** Is it a tensor in memory? Else each reader makes it anew. */
  stored: boolean;
  /** Null: the images, or made of terms. */
  step: Step | null;
  /** Steps that read it and sites that have it as a term, in the order of the net. */
  readonly readers: (Step | Site)[];
}

export interface ConvStep {
  readonly kind: "conv";
  readonly conv: Pick<
    ConvLayer,
    "name" | "inputs" | "outputs" | "kernel" | "stride" | "padding" | "groups" | "bias" | "prunable"
  >;
  readonly reads: Site;
  readonly writes: Site;
}

export interface PoolStep {
  readonly kind: "max-pool" | "average-pool" | "dropout";
  readonly window: { readonly kernel: Pair; readonly stride: Pair; readonly padding: Pair };
  readonly dropout?: { readonly rate: DropoutLayer["rate"]; readonly layer: number };
  readonly reads: Site;
  readonly writes: Site;
}

/** The way out of the body, to its output or to the linear layers of the head. */
export interface LeaveStep {
  readonly kind: "leave";
  readonly reads: Site;
}

export type Step = ConvStep | PoolStep | LeaveStep;

export interface Body {
  readonly images: Site;
  /** Steps, and sites made of terms, in the order of the net. */
  readonly items: readonly (Step | Site)[];
  readonly norms: readonly Norm[];
  /** Values of one example that leave it. */
  readonly features: number;
}

export const isSite = (item: Step | Site): item is Site => "terms" in item;

/** The layers before index `end`. Throws Problem "engine-unavailable" for what no model does yet. */
export function bodyOf(architecture: Architecture, end: number): Body {
  const nodes = nodesOf(architecture).slice(0, end);
  const places = [...nodes.keys()]; // the node whose memory a value is in: flattening moves nothing
  const placeOf = (node: number): number => (node < 0 ? node : places[node]!);
  const uses = new Map<number, number>();
  const use = (place: number): void => void uses.set(place, (uses.get(place) ?? 0) + 1);
  for (const [i, { layer, inputs }] of nodes.entries()) {
    if (layer.kind === "flatten") places[i] = placeOf(inputs[0]!);
    else for (const input of inputs) use(placeOf(input));
  }
  use(placeOf(nodes.length - 1)); // the way out

  const items: (Step | Site)[] = [];
  const norms: Norm[] = [];
  const raw = (shape: Shape): Site => ({
    ...{ shape, terms: [], act: "none", stored: true, step: null, readers: [] },
  });
  const images = raw(architecture.input);
  const sites = new Map<number, Site>([[-1, images]]);

  const made = (shape: Shape, terms: Term[]): Site => {
    const site: Site = { shape, terms, act: "none", stored: false, step: null, readers: [] };
    items.push(site);
    for (const { from } of terms) {
      from.stored = true;
      from.readers.push(site);
    }
    return site;
  };
  const step = (
    reads: Site,
    shape: Shape,
    rest: Omit<ConvStep, "reads" | "writes"> | Omit<PoolStep, "reads" | "writes">,
  ): Site => {
    const writes = raw(shape);
    const whole = { ...rest, reads, writes } as ConvStep | PoolStep;
    writes.step = whole;
    reads.readers.push(whole);
    items.push(whole);
    return writes;
  };
  /** May what reads this node be folded into its site? */
  const folds = (node: number, site: Site): boolean =>
    site.terms.length > 0 && site.act === "none" && uses.get(placeOf(node)) === 1;

  for (const [i, node] of nodes.entries()) sites.set(i, siteOf(node, i));

  function siteOf({ layer, inputs, shape, inputShape }: Node, index: number): Site {
    const from = inputs[0]!;
    const site = sites.get(from)!;
    const flat = layer.kind !== "linear" && layer.kind !== "flatten" && inputShape.some((n, i) => n !== site.shape[i]);
    if (flat && layer.kind !== "relu" && layer.kind !== "relu6" && layer.kind !== "dropout")
      throw new Problem("engine-unavailable", `cpu engine: layer ${layer.name ?? index}: ${layer.kind} after flatten`);
    switch (layer.kind) {
      case "flatten":
        return site; // the same memory
      case "conv":
        return step(site, shape, { kind: "conv", conv: layer });
      case "linear": {
        const [channels, height, width] = site.shape; // a window as large as the plane
        const { name, outputs, bias, prunable } = layer;
        const window = { kernel: [height, width], stride: [1, 1], padding: [0, 0], groups: 1 } as const;
        return step(site, shape, {
          kind: "conv",
          conv: { name, inputs: channels, outputs, bias, prunable, ...window },
        });
      }
      case "max-pool":
      case "average-pool":
        return step(site, shape, { kind: layer.kind, window: layer });
      case "global-average-pool": {
        const plane = [site.shape[1], site.shape[2]] as const;
        return step(site, shape, { kind: "average-pool", window: { kernel: plane, stride: [1, 1], padding: [0, 0] } });
      }
      case "dropout": {
        const window = { kernel: [1, 1], stride: [1, 1], padding: [0, 0] } as const;
        return step(site, site.shape, { kind: "dropout", window, dropout: { rate: layer.rate, layer: index } });
      }
      case "batch-norm": {
        const norm = { name: layer.name, of: site };
        norms.push(norm);
        return made(shape, [{ from: site, norm }]);
      }
      case "relu":
      case "relu6": {
        const folded = folds(from, site) ? site : made(site.shape, [{ from: site }]);
        folded.act = layer.kind;
        return folded;
      }
      case "option-a":
        return made(shape, [
          { from: site, sampled: { stride: layer.stride, before: Math.floor((layer.outputs - layer.inputs) / 2) } },
        ]);
      case "add":
        if (sites.get(inputs[1]!)!.shape.some((n, i) => n !== site.shape[i]))
          throw new Problem("engine-unavailable", `cpu engine: layer ${layer.name ?? index}: add after flatten`);
        return made(
          shape,
          inputs.map((input) => termOf(input)),
        );
    }
  }

  /** A summand: the one term of a site that nothing else reads, else the site itself. */
  function termOf(node: number): Term {
    const site = sites.get(node)!;
    if (!folds(node, site) || site.terms.length > 1) return { from: site };
    items.splice(items.indexOf(site), 1);
    const [term] = site.terms;
    term!.from.readers.splice(term!.from.readers.indexOf(site), 1);
    return term!;
  }

  const last = sites.get(nodes.length - 1)!;
  const leave: LeaveStep = { kind: "leave", reads: last };
  last.readers.push(leave);
  items.push(leave);
  for (const item of items) {
    if (isSite(item))
      item.stored ||= item.readers.length !== 1 || isSite(item.readers[0]!) || item.readers[0].kind !== "conv";
  }
  return { images, items, norms, features: last.shape.reduce((product, n) => product * n, 1) };
}
