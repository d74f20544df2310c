/** The marker of a method, on its own and inside charts. */
import { methodStyle, type Shape } from "./method-style.ts";

const OUTLINES: Record<Shape, string> = {
  cross: "M-3.6,-3.6L3.6,3.6M-3.6,3.6L3.6,-3.6",
  plus: "M-4.6,0H4.6M0,-4.6V4.6",
  triangle: "M0,-4.6L4.4,3.2H-4.4Z",
  down: "M0,4.6L4.4,-3.2H-4.4Z",
  square: "M-3.6,-3.6H3.6V3.6H-3.6Z",
  circle: "M4.1,0A4.1,4.1 0 1 1 -4.1,0A4.1,4.1 0 1 1 4.1,0Z",
  diamond: "M0,-5L4.4,0L0,5L-4.4,0Z",
  pentagon: "M0,-4.6L4.4,-1.4L2.7,3.7H-2.7L-4.4,-1.4Z",
  star: "M0,-5L1.5,-1.6L5,-1.5L2.2,0.8L3.1,4.3L0,2.3L-3.1,4.3L-2.2,0.8L-5,-1.5L-1.5,-1.6Z",
};

/** SVG, centred on x, y; what is hollow shows the sheet it lies on. */
export function Marker({ method, x = 0, y = 0 }: { method: string; x?: number; y?: number }) {
  const { colour, shape, filled } = methodStyle(method);
  const open = shape === "cross" || shape === "plus";
  return (
    <path
      d={OUTLINES[shape]}
      transform={`translate(${x},${y})`}
      stroke={colour}
      strokeWidth={open ? 2.2 : 1.8}
      strokeLinejoin="round"
      fill={open ? "none" : filled ? colour : "var(--color-sheet)"}
    />
  );
}

export function MethodMark({ method }: { method: string }) {
  return (
    <svg
      viewBox="-7 -7 14 14"
      className="inline-block size-[1em] min-w-3.5 shrink-0 align-[-0.14em]"
      aria-hidden="true"
    >
      <Marker method={method} />
    </svg>
  );
}
