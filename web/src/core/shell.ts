/** Commands as they would be typed into a POSIX shell. */
import type { Value } from "./wire";

const PLAIN = /^[\w@%+=:,./-]+$/;

export function shellLine(words: readonly string[]): string {
  return words.map((word) => (PLAIN.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(" ");
}

/** The environment with its command as a shell takes it; the rest as it was captured, without the code's state. */
export function readableEnvironment(environment: { [key: string]: Value }): { [key: string]: Value } {
  const { git: _, ...rest } = environment;
  const words = rest.command;
  return Array.isArray(words) && words.every((w) => typeof w === "string") ? { ...rest, command: shellLine(words as string[]) } : rest;
}
