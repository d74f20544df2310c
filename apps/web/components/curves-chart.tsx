/**
 * Learning curves over all phases: accuracy above, loss below, the phases as numbered bands, the cut as a line. Both axes
 * are logarithmic (accuracy in its error), so that 10 % after the cut and the last tenths at the end show in one picture.
 */
import type { Result } from "@ticketmark/core";
import { extent } from "d3-array";
import { type ScaleLinear, scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { formatCompact, formatPercent } from "./format.ts";
import { type CurvePoint, type LearningCurves, learningCurves } from "./learning-curves.ts";

interface Box {
  readonly width: number;
  readonly left: number;
  readonly font: number;
}
const WIDE: Box = { width: 780, left: 46, font: 12 };
const NARROW: Box = { width: 358, left: 40, font: 11 };
const RIGHT = 6;
const STRIP = 22;
const PANELS = { accuracy: { top: 48, bottom: 268 }, loss: { top: 306, bottom: 426 } };
const HEIGHT = 462;

const ACCURACY_TICKS = [0.1, 0.5, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999];
const LOSS_TICKS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100];

/** An accuracy of 1 has no logarithm of its error: it is drawn as one image wrong in 20,000. */
const errorPosition = (accuracy: number) => -Math.log10(Math.max(1 - accuracy, 5e-5));

export function CurvesChart({ result }: { result: Pick<Result, "phases" | "curves" | "layers"> }) {
  const curves = learningCurves(result);
  if (curves.stretches.flat().length < 2)
    return <p className="note">It ended before there were two scores to draw a curve through.</p>;
  return (
    <>
      <Drawing curves={curves} box={WIDE} className="hidden sm:block" />
      <Drawing curves={curves} box={NARROW} className="sm:hidden" />
    </>
  );
}

function Drawing({ curves, box, className }: { curves: LearningCurves; box: Box; className: string }) {
  const { width, left, font } = box;
  const { phases, stretches, cut } = curves;
  const points = stretches.flat();
  const total = phases.at(-1)?.to ?? 1;
  const x = scaleLinear([0, Math.max(total, 1)], [left, width - RIGHT]);
  const accuracy = axis(
    points.flatMap((p) => [p.testAccuracy, p.validationAccuracy]).map(errorPosition),
    PANELS.accuracy,
  );
  const loss = axis(
    points
      .flatMap((p) => [p.trainLoss, p.testLoss])
      .filter((value) => value > 0)
      .map(Math.log10),
    PANELS.loss,
  );
  const hasValidation = points.some((p) => Number.isFinite(p.validationAccuracy));
  const title =
    "Learning curves: test accuracy and loss by iteration, with the phases marked. The numbers are in the table below.";

  return (
    <svg
      role="img"
      aria-label={title}
      viewBox={`0 0 ${width} ${HEIGHT}`}
      className={`w-full tabular-nums ${className}`}
      fontSize={font}
      fill="var(--color-soft)"
    >
      <title>{title}</title>
      {phases.map((phase, i) => (
        <g key={`${phase.from} ${phase.name}`}>
          <title>{`${i + 1}. ${phase.name}`}</title>
          <rect
            x={x(phase.from)}
            width={Math.max(0, x(phase.to) - x(phase.from))}
            y={STRIP - 16}
            height={PANELS.loss.bottom - STRIP + 16}
            fill={phase.part === "final" ? "var(--color-wash)" : i % 2 === 0 ? "var(--color-shade)" : "transparent"}
          />
          <line x1={x(phase.from)} x2={x(phase.to)} y1={STRIP - 16} y2={STRIP - 16} stroke="var(--color-edge)" />
          <text x={(x(phase.from) + x(phase.to)) / 2} y={STRIP} textAnchor="middle" fill="var(--color-ink)">
            {phaseLabel(phase.name, i + 1, x(phase.to) - x(phase.from), font)}
          </text>
        </g>
      ))}
      <Axis
        label={hasValidation ? "accuracy, %: test, validation (dashed)" : "test accuracy, %"}
        ticks={ACCURACY_TICKS.map((tick) => ({
          at: errorPosition(tick),
          text: formatPercent(tick, tick > 0.99 ? 1 : 0),
        }))}
        y={accuracy}
        panel={PANELS.accuracy}
        left={left}
        right={width - RIGHT}
      />
      <Axis
        label="loss: training (dashed), test"
        ticks={LOSS_TICKS.map((tick) => ({ at: Math.log10(tick), text: String(tick) }))}
        y={loss}
        panel={PANELS.loss}
        left={left}
        right={width - RIGHT}
      />
      {cut !== null && (
        <g>
          <line
            x1={x(cut)}
            x2={x(cut)}
            y1={STRIP + 8}
            y2={PANELS.loss.bottom}
            stroke="var(--color-bad)"
            strokeWidth={1.4}
            strokeDasharray="5 3"
          />
          <text
            x={x(cut) + (x(cut) > width * 0.8 ? -5 : 5)}
            y={PANELS.accuracy.bottom - 7}
            textAnchor={x(cut) > width * 0.8 ? "end" : "start"}
            fill="var(--color-bad)"
          >
            the cut
          </text>
        </g>
      )}
      {stretches.map((stretch) => (
        <g key={stretch[0]!.iteration + stretch.length / 1e6} fill="none" strokeWidth={1.6}>
          <Curve stretch={stretch} x={x} y={(p) => accuracy(errorPosition(p.testAccuracy))} dots />
          <Curve stretch={stretch} x={x} y={(p) => accuracy(errorPosition(p.validationAccuracy))} dashed />
          <Curve stretch={stretch} x={x} y={(p) => loss(Math.log10(p.testLoss))} dots />
          <Curve stretch={stretch} x={x} y={(p) => loss(Math.log10(p.trainLoss))} dashed />
        </g>
      ))}
      {x.ticks(width > 500 ? 8 : 4).map((tick) => (
        <g key={tick}>
          <line
            x1={x(tick)}
            x2={x(tick)}
            y1={PANELS.loss.bottom}
            y2={PANELS.loss.bottom + 4}
            stroke="var(--color-edge)"
          />
          <text x={x(tick)} y={PANELS.loss.bottom + 17} textAnchor={tick === total ? "end" : "middle"}>
            {formatCompact(tick)}
          </text>
        </g>
      ))}
      <text x={(left + width - RIGHT) / 2} y={HEIGHT - 3} textAnchor="middle">
        iterations
      </text>
    </svg>
  );
}

type Scale = ScaleLinear<number, number>;

function axis(values: readonly number[], { top, bottom }: { top: number; bottom: number }): Scale {
  const [low = 0, high = 1] = extent(values.filter(Number.isFinite));
  const margin = Math.max((high - low) * 0.06, 0.04);
  return scaleLinear([low - margin, high + margin], [bottom, top]);
}

/** The whole name where it fits, else the number that the list of phases has. */
const phaseLabel = (name: string, number: number, room: number, font: number): string =>
  [name, String(number)].find((text) => text.length * font * 0.56 < room - 6) ?? "";

function Axis({
  label,
  ticks,
  y,
  panel,
  left,
  right,
}: {
  label: string;
  ticks: readonly { at: number; text: string }[];
  y: Scale;
  panel: { top: number; bottom: number };
  left: number;
  right: number;
}) {
  const shown: { at: number; text: string }[] = [];
  for (const tick of ticks) {
    const [at, last] = [y(tick.at), shown.at(-1)];
    if (at < panel.top - 1 || at > panel.bottom + 1) continue;
    if (!last || Math.abs(y(last.at) - at) >= 15) shown.push(tick);
  }
  return (
    <g>
      <text x={0} y={panel.top - 9}>
        {label}
      </text>
      {shown.map((tick) => (
        <g key={tick.text}>
          <line x1={left} x2={right} y1={y(tick.at)} y2={y(tick.at)} stroke="var(--color-rule)" />
          <text x={left - 7} y={y(tick.at)} dy="0.33em" textAnchor="end">
            {tick.text}
          </text>
        </g>
      ))}
      <line x1={left} x2={right} y1={panel.bottom} y2={panel.bottom} stroke="var(--color-edge)" />
    </g>
  );
}

function Curve({
  stretch,
  x,
  y,
  dashed = false,
  dots = false,
}: {
  stretch: readonly CurvePoint[];
  x: Scale;
  y: (point: CurvePoint) => number;
  dashed?: boolean;
  dots?: boolean;
}) {
  const points = stretch.filter((point) => Number.isFinite(y(point)));
  const path = line<CurvePoint>((point) => x(point.iteration), y)(points);
  const stroke = dashed ? "var(--color-soft)" : "var(--color-accent)";
  return (
    <>
      {path && <path d={path} stroke={stroke} strokeDasharray={dashed ? "3 3" : undefined} strokeLinejoin="round" />}
      {dots &&
        points.length <= 60 &&
        points.map((point) => (
          <circle key={`${point.iteration}`} cx={x(point.iteration)} cy={y(point)} r={2.4} fill={stroke}>
            <title>{`iteration ${point.iteration}: accuracy ${formatPercent(point.testAccuracy)} %, test loss ${point.testLoss.toPrecision(3)}`}</title>
          </circle>
        ))}
    </>
  );
}
