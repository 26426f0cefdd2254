/** Paths as the flat rows of a tree: folders first, with the size of all that they hold; folded and searched in place. Pure. */
import { compareText } from "../sections";

export interface Entry {
  path: string;
  /** Bytes; null when nobody knows. */
  size: number | null;
  /** Microseconds since 1970; null when there is none. */
  time: number | null;
  digest: string;
  type: string;
  /** Whether the bytes are here. */
  present: boolean;
  /** Address of something that lies elsewhere and is never opened. */
  ref: string | null;
}

export interface FileTreeRow {
  path: string;
  name: string;
  depth: number;
  /** Of a folder: how many files it holds. */
  files: number | null;
  size: number | null;
  time: number | null;
  entry: Entry | null;
}

interface Folder {
  folders: Map<string, Folder>;
  entries: Entry[];
  files: number;
  size: number;
  time: number;
}

const emptyFolder = (): Folder => ({ folders: new Map(), entries: [], files: 0, size: 0, time: 0 });

function build(entries: readonly Entry[]): Folder {
  const root = emptyFolder();
  for (const entry of entries) {
    let at = root;
    const parts = entry.path.split("/");
    const count = (folder: Folder): void => {
      folder.files++;
      folder.size += entry.size ?? 0;
      folder.time = Math.max(folder.time, entry.time ?? 0);
    };
    count(at);
    for (const part of parts.slice(0, -1)) {
      const next = at.folders.get(part) ?? emptyFolder();
      at.folders.set(part, next);
      at = next;
      count(at);
    }
    at.entries.push(entry);
  }
  return root;
}

/**
 * @param folded paths of folders that are closed (ignored while searching)
 * @param search keeps files whose path contains all of its words
 */
export function fileRows(entries: readonly Entry[], folded: ReadonlySet<string>, search = ""): FileTreeRow[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = words.length === 0 ? entries : entries.filter((e) => words.every((w) => e.path.toLowerCase().includes(w)));
  const rows: FileTreeRow[] = [];
  walk(build(found), "", 0);
  return rows;

  function walk(folder: Folder, above: string, depth: number): void {
    for (const [name, inner] of [...folder.folders].sort(([a], [b]) => compareText(a, b))) {
      const path = above + name;
      rows.push({ path, name, depth, files: inner.files, size: inner.size, time: inner.time || null, entry: null });
      if (words.length > 0 || !folded.has(path)) walk(inner, `${path}/`, depth + 1);
    }
    for (const entry of [...folder.entries].sort((a, b) => compareText(a.path, b.path))) {
      rows.push({ path: entry.path, name: entry.path.slice(above.length), depth, files: null, size: entry.size, time: entry.time, entry });
    }
  }
}

/** Folders to close at first: all when there are many files, so that a large tree opens small. */
export function firstFolded(entries: readonly Entry[], most = 200): Set<string> {
  const folded = new Set<string>();
  if (entries.length <= most) return folded;
  for (const { path } of entries) {
    for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) folded.add(path.slice(0, at));
  }
  return folded;
}
