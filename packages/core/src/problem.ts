/**
 * The one error type for everything that may be expected to go wrong: bad input, a file that was tampered with, a lost
 * lease, an engine that is not there. The message says what was expected, what came, and where. Anything that is not a
 * Problem is a bug, and crashes.
 */
export const PROBLEM_CODES = {
  "bad-request": 400,
  "bad-spec": 400,
  "bad-file": 400,
  "bad-statement": 400,
  "bad-signature": 400,
  unauthorized: 401,
  forbidden: 403,
  "not-found": 404,
  "method-not-allowed": 405,
  conflict: 409,
  "lease-lost": 409,
  gone: 410,
  "too-large": 413,
  "too-many-requests": 429,
  "engine-unavailable": 503,
  "data-unavailable": 503,
  "database-unavailable": 503,
  "out-of-memory": 507,
  "bad-settings": 500,
} as const satisfies Record<string, number>;

export type ProblemCode = keyof typeof PROBLEM_CODES;

export class Problem extends Error {
  override readonly name = "Problem";
  readonly code: ProblemCode;

  constructor(code: ProblemCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /** HTTP status that belongs to the code. */
  get status(): number {
    return PROBLEM_CODES[this.code];
  }

  /** RFC 9457 problem JSON. */
  toJSON(): { type: string; title: ProblemCode; status: number; detail: string } {
    return { type: `urn:ticketmark:problem:${this.code}`, title: this.code, status: this.status, detail: this.message };
  }
}
