/**
 * JSON with every digit. A whole number beyond 2^53, such as a seed of 64 bits, is a text as it was written: the nearest double would be
 * another number, and two seeds would look like one. Pure.
 */

/** Only answers that may have such a number are looked through. */
const LARGE = /[[:,] *-?(?:9\d{15}|\d{17,}) *[\]},]/;
/** A text, or a number that is long; no repetition may give characters back to the next. */
const PARTS = /"[^"\\]*(?:\\.[^"\\]*)*"|(?<![\d.])-?\d{16,}(?![\d.eE])/g;

export function exactJson(text: string): unknown {
  const whole = LARGE.test(text) ? text.replace(PARTS, (part) => (part.startsWith('"') || Number.isSafeInteger(Number(part)) ? part : `"${part}"`)) : text;
  return JSON.parse(whole);
}
