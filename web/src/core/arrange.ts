/**
 * How the user arranged sections and panels, on top of their own order. Pure.
 *
 * Promises: what was never moved keeps its own order behind what was; a panel that is gone is passed over and stands in
 * its place again when it is back; hiding a panel hides every copy of it.
 */
import type { Section } from "./sections";
import type { Arrangement } from "./url";

export const PINNED = "pinned";
export const ADDED = "added";

/** The sections as they are shown: added panels first after the pinned ones, then those of the keys. */
export function arrange(sections: readonly Section[], arrangement: Pick<Arrangement, "hide" | "po" | "so" | "add">): Section[] {
  const { hide, po, so, add } = arrangement;
  const hidden = new Set(hide);
  const all = sections.map((s) => ({ ...s, keys: s.name === PINNED ? s.keys : byOrder(s.keys, po) }));
  const after = all.findIndex((s) => s.name !== PINNED);
  if (add.length > 0) all.splice(after < 0 ? all.length : after, 0, { name: ADDED, keys: [...add], collapsed: false });
  const shown = all.map((s) => ({ ...s, keys: s.keys.filter((k) => !hidden.has(k)) })).filter((s) => s.keys.length > 0);
  const names = byOrder(shown.map((s) => s.name), so);
  return names.map((name) => shown.find((s) => s.name === name) as Section);
}

/** Those that `order` names first, in its order; then the rest in theirs. */
export function byOrder(names: readonly string[], order: readonly string[]): string[] {
  const have = new Set(names);
  const first = order.filter((name) => have.has(name));
  const placed = new Set(first);
  return [...first, ...names.filter((name) => !placed.has(name))];
}

/** A list with one member moved to the place of another; the same list when either is not in it. */
export function moveTo(names: readonly string[], name: string, target: string): string[] {
  const from = names.indexOf(name);
  const to = names.indexOf(target);
  if (from < 0 || to < 0 || from === to) return [...names];
  const rest = names.filter((n) => n !== name);
  rest.splice(to, 0, name);
  return rest;
}

/** A list with one member moved by some places; it stops at the ends. */
export function moveBy(names: readonly string[], name: string, places: number): string[] {
  const from = names.indexOf(name);
  if (from < 0) return [...names];
  return moveTo(names, name, names[Math.max(0, Math.min(names.length - 1, from + places))]);
}

/** The panel order with that of one section replaced. */
export function withOrder(po: readonly string[], keys: readonly string[]): string[] {
  const mine = new Set(keys);
  return [...po.filter((key) => !mine.has(key)), ...keys];
}
