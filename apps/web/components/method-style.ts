/**
 * How a method looks wherever it is drawn: one colour, one shape, filled for the iterative or later variant. Fixed by id, so that
 * a method has its colour in every chart, whatever else is shown. A method that is not in the table yet takes a spare shape.
 */

export type Shape = "cross" | "plus" | "triangle" | "down" | "square" | "circle" | "diamond" | "pentagon" | "star";

interface MethodStyle {
  /** A CSS colour for both light and dark. */
  readonly colour: string;
  readonly shape: Shape;
  readonly filled: boolean;
}

const STYLES: Readonly<Record<string, readonly [Shape, "filled" | "hollow"]>> = {
  dense: ["plus", "hollow"],
  random: ["cross", "hollow"],
  l1: ["triangle", "hollow"],
  "l1-iter": ["triangle", "filled"],
  lth: ["square", "hollow"],
  "lth-iter": ["square", "filled"],
  rst: ["circle", "hollow"],
  "rst-iter": ["circle", "filled"],
  "scratch-equal-iterations": ["plus", "hollow"],
  snip: ["diamond", "hollow"],
  grasp: ["diamond", "filled"],
  synflow: ["pentagon", "filled"],
  "early-bird": ["pentagon", "hollow"],
  set: ["star", "hollow"],
  rigl: ["star", "filled"],
  gmp: ["down", "filled"],
};

export function methodStyle(id: string): MethodStyle {
  const style = STYLES[id];
  if (!style) return { colour: "var(--color-method-other)", shape: "down", filled: id.endsWith("-iter") };
  return { colour: `var(--color-method-${id})`, shape: style[0], filled: style[1] === "filled" };
}
