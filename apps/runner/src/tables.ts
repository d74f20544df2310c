/** A table as text or as Markdown; numbers to the right. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Columns of words; the others are numbers. The first always is. */
  readonly words?: readonly number[];
}

export function tableText({ head, rows, words = [] }: Table, markdown: boolean): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(3, ...all.map((row) => [...row[column]!].length)));
  const isWord = (column: number) => column === 0 || words.includes(column);
  const cell = (text: string, column: number) =>
    isWord(column) ? padEnd(text, widths[column]!) : padEnd("", widths[column]! - [...text].length) + text;
  const line = (row: readonly string[]) =>
    markdown ? `| ${row.map(cell).join(" | ")} |` : row.map(cell).join("  ").trimEnd();
  const dashes = widths.map((width, column) => (isWord(column) ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  const rule = markdown ? [`| ${dashes.join(" | ")} |`] : [];
  return [line(head), ...rule, ...rows.map(line)].join("\n");
}

/** By characters, not by UTF-16 units. */
const padEnd = (text: string, width: number) => text + " ".repeat(Math.max(0, width - [...text].length));
