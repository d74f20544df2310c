/** How far a result is trusted: four steps, drawn as filled squares and named, so that no colour is needed. */
import { LEVELS, type Level } from "@ticketmark/core";

export const LEVEL_MEANING: Record<Level, string> = {
  signed: "A runner known to this site signed these exact numbers for this job and lease.",
  checked: "This site recomputed the accuracy from the trained net and the ticket, and counted the same images.",
  repeated: "Another operator's runner ran the same spec, and the accuracies agree.",
  "bit-reproduced": "Another operator's runner got the same ticket and the same trained net, bit for bit.",
};

export function LevelBadge({ level }: { level: Level }) {
  const reached = LEVELS.indexOf(level) + 1;
  return (
    <span className="inline-flex items-center gap-1.5 whitespace-nowrap" title={LEVEL_MEANING[level]}>
      <svg viewBox="0 0 22 6" className="h-1.5 w-[1.375rem] shrink-0" aria-hidden="true">
        {LEVELS.map((step, i) => (
          <rect
            key={step}
            x={i * 5.6 + 0.5}
            y={0.5}
            width={4.2}
            height={5}
            fill={i < reached ? "var(--color-accent)" : "none"}
            stroke={i < reached ? "var(--color-accent)" : "var(--color-edge)"}
          />
        ))}
      </svg>
      {level}
    </span>
  );
}
