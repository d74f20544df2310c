/** Numbers, times and sizes as text: one fixed locale and UTC, so that server, browser and any two readers see the same. */
const LOCALE = "en-GB";

const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 });
const day = new Intl.DateTimeFormat(LOCALE, { timeZone: "UTC", day: "numeric", month: "short", year: "numeric" });
const clock = new Intl.DateTimeFormat(LOCALE, { timeZone: "UTC", hour: "2-digit", minute: "2-digit" });

/** 60000 → "60,000". */
export const formatCount = (n: number): string => whole.format(n);

/** 1234567 → "1.23M". */
export const formatCompact = (n: number): string => compact.format(n);

/** A share 0 … 1 in percent, without the sign: 0.9765 → "97.65". */
export const formatPercent = (share: number, digits = 2): string => (share * 100).toFixed(digits);

/** A sparsity in percent with as many digits as it has, at most four: 0.9 → "90", 0.995 → "99.5". */
export const formatSparsity = (sparsity: number): string => String(Number((sparsity * 100).toFixed(4)));

/** Any number, short: up to 4 significant digits, no trailing zeros. */
export const formatNumber = (x: number): string => (Number.isFinite(x) ? String(Number(x.toPrecision(4))) : String(x));

/** A bound of a setting: large ones grouped, small ones as they are. */
export const formatBound = (x: number): string => (Math.abs(x) >= 10_000 ? formatCount(x) : String(x));

/** "23 Nov 2026, 14:52". The caller says UTC once. */
export const formatTime = (time: Date): string => `${day.format(time)}, ${clock.format(time)}`;

/** Seconds, the two largest units: 0.4 → "0.4 s", 75 → "1 min 15 s", 7260 → "2 h 1 min". */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  const total = Math.round(seconds);
  const parts: [number, string][] = [
    [Math.floor(total / 86_400), "d"],
    [Math.floor(total / 3_600) % 24, "h"],
    [Math.floor(total / 60) % 60, "min"],
    [total % 60, "s"],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  return parts
    .slice(first, first + 2)
    .filter(([n]) => n > 0)
    .map(([n, unit]) => `${n} ${unit}`)
    .join(" ");
}

/** 1536 → "1.5 KiB". */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : Number(value.toPrecision(3))} ${units[unit]}`;
}

/** "1 seed", "3 seeds". */
export const plural = (n: number, one: string, many = `${one}s`): string => `${formatCount(n)} ${n === 1 ? one : many}`;

/** [1, 28, 28] → "28 × 28 grey". */
export const imageText = ([channels, height, width]: readonly [number, number, number]): string =>
  `${height} × ${width} ${channels === 1 ? "grey" : "colour"}`;
