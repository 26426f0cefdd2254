/**
 * Attributes and numbers as words.
 *
 * For any other value Svelte asks the browser once for every property that such an element can be set, and the browser makes and keeps
 * functions for all of them: a tenth of what a first view holds. So what a first view consists of says its attributes in words.
 */

/** `aria-pressed` and the like. */
export const flag = (on: unknown): "true" | "false" => (on ? "true" : "false");

/**
 * A whole number as text. The engine's own conversion keeps a table of the numbers that it has written, which grows to 64 kB with the
 * first two that share a place in it; this one keeps nothing.
 */
export const digits = (whole: number): string => whole.toFixed();

/** A size in pixels. */
export const px = (size: number): string => `${Number.isInteger(size) ? digits(size) : size.toFixed(2)}px`;

/** A number, which Svelte's types do not take as a word. */
export const word = (whole: number): number => digits(whole) as unknown as number;
