/**
 * Text from other programs, made into what a site takes: JSON may hold what its database cannot, the character U+0000 and
 * halves of surrogate pairs, and a message with one of them is refused whole.
 */

/** The same text with U+FFFD in place of each such character; as long as it was. */
export const storable = (text: string): string => Buffer.from(text.replaceAll("\0", "\ufffd")).toString();

/** The first `length` characters, or one less where a surrogate pair would be halved. */
export const firstOf = (text: string, length: number): string =>
  text.length <= length ? text : text.slice(0, length).replace(/[\ud800-\udbff]$/, "");

/** The last `length` characters, or one less. */
export const lastOf = (text: string, length: number): string =>
  text.length <= length ? text : text.slice(-length).replace(/^[\udc00-\udfff]/, "");
