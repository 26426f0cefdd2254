/** A patch in git's unified form as files, hunks and numbered lines. Pure; whatever does not parse stays visible as text. */

export type LineKind = "same" | "added" | "removed" | "note";

export interface PatchLine {
  kind: LineKind;
  text: string;
  /** Numbers in the old and new file, null where the line is not in it. */
  before: number | null;
  after: number | null;
}

export interface PatchFile {
  name: string;
  added: number;
  removed: number;
  lines: PatchLine[];
}

const HUNK = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@(.*)$/;

/** @param text what `git diff` prints */
export function readPatch(text: string): PatchFile[] {
  const files: PatchFile[] = [];
  let file: PatchFile | null = null;
  let before = 0;
  let after = 0;
  let inHunk = false;
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith("diff --git ")) {
      file = { name: nameOf(line), added: 0, removed: 0, lines: [] };
      files.push(file);
      inHunk = false;
      continue;
    }
    file ??= files[files.push({ name: "", added: 0, removed: 0, lines: [] }) - 1];
    const hunk = HUNK.exec(line);
    if (hunk) {
      [before, after, inHunk] = [Number(hunk[1]), Number(hunk[2]), true];
      file.lines.push({ kind: "note", text: line, before: null, after: null });
    } else if (inHunk && line.startsWith("+")) {
      file.added++;
      file.lines.push({ kind: "added", text: line.slice(1), before: null, after: after++ });
    } else if (inHunk && line.startsWith("-")) {
      file.removed++;
      file.lines.push({ kind: "removed", text: line.slice(1), before: before++, after: null });
    } else if (inHunk && line.startsWith(" ")) {
      file.lines.push({ kind: "same", text: line.slice(1), before: before++, after: after++ });
    } else if (line !== "" && !/^(index |--- |\+\+\+ )/.test(line)) {
      file.lines.push({ kind: "note", text: line, before: null, after: null });
    }
  }
  return files.filter((f) => f.name !== "" || f.lines.length > 0);
}

/** The new name; git quotes names that hold odd characters. */
function nameOf(line: string): string {
  const quoted = / "b\/(.*)"$/.exec(line);
  if (quoted) return quoted[1];
  const at = line.lastIndexOf(" b/");
  return at < 0 ? line.slice("diff --git ".length) : line.slice(at + 3);
}

const MOST_LINES = 3000;

/**
 * What two texts differ in, line by line; null when they are too long to compare.
 *
 * Longest common subsequence over what is left when the equal ends are taken away.
 */
export function compareTexts(one: string, other: string): PatchLine[] | null {
  const [a, b] = [one.split("\n"), other.split("\n")];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const [rows, columns] = [a.length - head - tail, b.length - head - tail];
  if (rows > MOST_LINES || columns > MOST_LINES) return null;
  const width = columns + 1;
  const common = new Uint16Array((rows + 1) * width);
  for (let i = rows - 1; i >= 0; i--) {
    for (let j = columns - 1; j >= 0; j--) {
      common[i * width + j] = a[head + i] === b[head + j] ? common[(i + 1) * width + j + 1] + 1 : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  const lines: PatchLine[] = [];
  let [i, j] = [0, 0];
  const same = (at: number, to: number): unknown => lines.push({ kind: "same", text: a[at], before: at + 1, after: to + 1 });
  for (let k = 0; k < head; k++) same(k, k);
  while (i < rows || j < columns) {
    if (i < rows && j < columns && a[head + i] === b[head + j]) same(head + i++, head + j++);
    else if (i < rows && (j >= columns || common[(i + 1) * width + j] >= common[i * width + j + 1])) lines.push({ kind: "removed", text: a[head + i], before: head + ++i, after: null });
    else lines.push({ kind: "added", text: b[head + j], before: null, after: head + ++j });
  }
  for (let k = 0; k < tail; k++) same(a.length - tail + k, b.length - tail + k);
  return lines;
}

/** Lines that differ, with a few equal ones around them; what is left out stands as one note. */
export function onlyChanges(lines: readonly PatchLine[], around = 3): PatchLine[] {
  const near = lines.map(() => false);
  lines.forEach((line, i) => {
    if (line.kind === "same") return;
    for (let k = Math.max(0, i - around); k <= Math.min(lines.length - 1, i + around); k++) near[k] = true;
  });
  const shown: PatchLine[] = [];
  let skipped = 0;
  const tell = (): void => {
    if (skipped > 0) shown.push({ kind: "note", text: `⋯ ${skipped} equal ${skipped === 1 ? "line" : "lines"}`, before: null, after: null });
    skipped = 0;
  };
  lines.forEach((line, i) => {
    if (!near[i]) return void skipped++;
    tell();
    shown.push(line);
  });
  tell();
  return shown;
}
