/** What tells one state of a list from another: which rows, how far each has come. */
export interface VersionedRow {
  readonly id: string;
  readonly level?: string;
  readonly check?: unknown;
}

export const rowVersion = (rows: readonly VersionedRow[]): string =>
  rows
    .map(({ id, level, check }) => [id, level, check ? "checked" : ""].join(" "))
    .sort()
    .join(", ");
