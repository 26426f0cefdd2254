/** A command as it would be typed into a POSIX shell. */
const PLAIN = /^[\w@%+=:,./-]+$/;

export function shellLine(words: readonly string[]): string {
  return words.map((word) => (PLAIN.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(" ");
}
