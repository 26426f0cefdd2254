/**
 * Attributes as words.
 *
 * For any other value Svelte asks the browser once for every property that such an element can be set, and the browser makes and keeps
 * functions for all of them: a tenth of what a first view holds. So what a first view consists of says its attributes in words.
 */

/** `aria-pressed` and the like. */
export const flag = (on: unknown): "true" | "false" => (on ? "true" : "false");

/** `hidden`. */
export const unless = (shown: unknown): "" | null => (shown ? null : "");

/** A number, which Svelte's types do not take as a word. */
export const word = (size: number): number => String(size) as unknown as number;
