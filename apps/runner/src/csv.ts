/** Rows of a CSV file as RFC 4180 has them, strictly: what is quoted by halves is an error and no guess. */
import { Problem } from "@ticketmark/core";

export interface Row {
  /** Where it begins, from 1. */
  readonly line: number;
  /** Without the space around them. */
  readonly cells: readonly string[];
}

const QUOTE = '"';

/**
 * Blank lines are no rows; lines end with LF, CRLF or CR. `where` names the file in messages. Throws Problem "bad-file"
 * with the line, also for a row of more than `most` cells.
 */
export function* csvRows(text: string, where: string, most: number): Generator<Row> {
  let [at, line] = [0, 1];
  while (at < text.length) {
    const first = line;
    const cells: string[] = [];
    for (let more = true; more; at++) {
      const quoted = text[at] === QUOTE;
      const end = quoted ? endOfQuoted(text, at) : endOfCell(text, at);
      if (end === null)
        throw new Problem("bad-file", `${where}:${line}: expected the end of a quoted cell; the file ends before it`);
      const cell = quoted ? text.slice(at + 1, end - 1).replaceAll('""', QUOTE) : text.slice(at, end);
      if (cells.push(cell.trim()) > most)
        throw new Problem("bad-file", `${where}:${first}: expected at most ${most} cells; there are more`);
      if (quoted) line += lineEnds(text, at, end);
      at = end;
      if (at < text.length && !",\r\n".includes(text[at]!))
        throw new Problem(
          "bad-file",
          `${where}:${line}: expected quotation marks around a whole cell, and two for one inside; got ${JSON.stringify(text[at])}`,
        );
      more = text[at] === ",";
      if (text[at] === "\r" && text[at + 1] === "\n") at++;
    }
    line++;
    if (cells.length > 1 || cells[0] !== "") yield { line: first, cells };
  }
}

/** Behind the quotation mark that ends the cell that begins at `at`; null without one. */
function endOfQuoted(text: string, at: number): number | null {
  for (let end = text.indexOf(QUOTE, at + 1); end >= 0; end = text.indexOf(QUOTE, end + 2))
    if (text[end + 1] !== QUOTE) return end + 1;
  return null;
}

/** Where the next comma, line end or quotation mark is, or the end of the text. */
function endOfCell(text: string, at: number): number {
  let end = at;
  while (end < text.length && !isEnd(text.charCodeAt(end))) end++;
  return end;
}

const isEnd = (c: number) => c === 0x2c || c === 0x0a || c === 0x0d || c === 0x22;

function lineEnds(text: string, from: number, to: number): number {
  let count = 0;
  for (let i = from; i < to; i++) if (text[i] === "\n" || (text[i] === "\r" && text[i + 1] !== "\n")) count++;
  return count;
}
