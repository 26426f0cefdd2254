/**
 * Which panels a page shows and in which order, from the keys of a project alone: pinned first, then sections by the
 * part before the first `/`, those about loss and accuracy ahead, `system` last and collapsed. Same keys, same order.
 */
export interface Section {
  name: string;
  keys: string[];
  collapsed: boolean;
}

export const SYSTEM = "system";
const SYSTEM_PREFIX = `${SYSTEM}/`;
const TOP = "";

export function isSystem(key: string): boolean {
  return key.startsWith(SYSTEM_PREFIX);
}

/** The part of a key before its first `/`; empty when there is none. */
export function prefixOf(key: string): string {
  const at = key.indexOf("/");
  return at > 0 ? key.slice(0, at) : TOP;
}

// Words, not one regular expression of them all: its machine code would be what a first view holds most of.
const VALIDATION: ReadonlySet<string> = new Set(["val", "valid", "validation", "eval", "test"]);
const LOSSES = ["loss", "nll", "perplexity"];
const SCORES = ["acc", "f1", "auc", "bleu", "iou", "score", "reward", "precision", "recall"];

/** How early a key should stand: 0 loss, 1 validation, 2 accuracy-like, 3 the rest. */
export function keyRank(key: string): number {
  const k = key.toLowerCase();
  const words = k.split(/[^a-z]+/);
  const holds = (part: string): boolean => k.includes(part);
  const validation = words.some((word) => VALIDATION.has(word));
  if (LOSSES.some(holds) || words.some((word) => word.startsWith("ppl"))) return validation ? 1 : 0;
  if (SCORES.some(holds) || words.some((word) => word.endsWith("map")) || (holds("top") && /top[-_ ]?[15]/.test(k))) return 2;
  return validation ? 3 : 4;
}

/** The section names that stand first even without such keys. */
const EARLY = ["train", "val", "valid", "validation", "eval", "test"];

/**
 * Sorts keys into sections.
 *
 * @param keys all series keys
 * @param pinned keys the user has pinned, in their order
 * @param filter keeps keys that contain it, or that match it as a regular expression
 */
export function sectionsOf(keys: readonly string[], pinned: readonly string[] = [], filter = ""): Section[] {
  const shown = keys.filter(matcher(filter));
  const groups = new Map<string, string[]>();
  for (const key of shown) {
    const name = prefixOf(key);
    groups.set(name, [...(groups.get(name) ?? []), key]);
  }
  const sections = [...groups].map(([name, members]) => ({
    name: name || "metrics",
    keys: members.sort(byRank),
    collapsed: name === SYSTEM && filter === "",
  }));
  sections.sort((a, b) => sectionRank(a) - sectionRank(b) || compareText(a.name, b.name));
  const known = new Set(shown);
  const top = pinned.filter((key) => known.has(key));
  return top.length > 0 ? [{ name: "pinned", keys: top, collapsed: false }, ...sections] : sections;
}

function sectionRank(section: Section): number {
  if (section.name === SYSTEM) return 1000;
  const early = EARLY.indexOf(section.name.toLowerCase());
  if (early >= 0) return early;
  return 10 + Math.min(...section.keys.map(keyRank));
}

const byRank = (a: string, b: string): number => keyRank(a) - keyRank(b) || compareText(a, b);

/** Natural order: layer2 before layer10. */
const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
export const compareText = (a: string, b: string): number => collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);

/** Keeps what contains the text; a text with regular-expression signs is read as one, if it is one. */
export function matcher(filter: string): (key: string) => boolean {
  const text = filter.trim().toLowerCase();
  if (text === "") return () => true;
  if (/[\\^$*+?()[\]{}|]/.test(text)) {
    try {
      const pattern = new RegExp(text.replace(/(^|[^.\])])\*/g, "$1.*"), "i");
      return (key) => pattern.test(key);
    } catch {
      // Half-typed expressions are plain text.
    }
  }
  return (key) => key.toLowerCase().includes(text);
}
