/**
 * Keyboard shortcuts. A page adds its own; the newest handler of a key wins. Single keys are silent while typing and with Ctrl, Alt or
 * Meta held; those that are characters also when the user has turned them off (WCAG 2.1.4). `Ctrl+k` (or Meta) answers always; such combinations that nobody added stay the browser's.
 */

export interface Shortcut {
  keys: string;
  what: string;
  /** None where a part of the page hears the keys itself while it has the focus: they are only told in the help. */
  run?: (event: KeyboardEvent) => void;
  /** Group in the help. */
  group: string;
  /** Where it means nothing now, an older shortcut of the same key answers. */
  when?: () => boolean;
}

const STORAGE_KEY = "epochal:single-keys";
const stack: Shortcut[][] = [];

/** Adds shortcuts; returns how to remove them. `keys` lists `KeyboardEvent.key` values, separated by spaces. */
export function addShortcuts(shortcuts: Shortcut[]): () => void {
  stack.push(shortcuts);
  return () => {
    const at = stack.indexOf(shortcuts);
    if (at >= 0) stack.splice(at, 1);
  };
}

/** All shortcuts in force, for the help; of those with the same keys the newest. */
export function allShortcuts(): Shortcut[] {
  const newest = new Map(stack.flat().map((shortcut) => [shortcut.keys, shortcut]));
  return stack.flat().filter((shortcut) => newest.get(shortcut.keys) === shortcut);
}

export function singleKeysOn(): boolean {
  try {
    return localStorage.getItem(STORAGE_KEY) !== "off";
  } catch {
    return true;
  }
}

export function setSingleKeys(on: boolean): void {
  try {
    if (on) localStorage.removeItem(STORAGE_KEY);
    else localStorage.setItem(STORAGE_KEY, "off");
  } catch {
    // Without storage the setting cannot be kept; the default stays.
  }
}

function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  // Nothing is typed into a checkbox.
  if (target instanceof HTMLInputElement && target.type === "checkbox") return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

/** Whether a key press belongs to the control that has the focus. */
function taken(event: KeyboardEvent): boolean {
  if (!(event.target instanceof HTMLElement)) return false;
  return /^(BUTTON|A|INPUT)$/.test(event.target.tagName) && (event.key === "Enter" || event.key === " ");
}

/**
 * Keeps what is typed, wherever the focus is, for a dialog that is still loading. The returned function ends that and tells
 * what it was; Escape ends it, too.
 */
export function keepTyping(escaped: () => void): () => string {
  let typed = "";
  const hear = (event: KeyboardEvent): void => {
    const held = (event.ctrlKey || event.metaKey || event.altKey) && !event.getModifierState("AltGraph");
    if (held || event.isComposing || !(event.key.length === 1 || /^(Backspace|Enter|Escape)$/.test(event.key))) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.key === "Backspace") typed = typed.slice(0, -1);
    else if (event.key.length === 1) typed += event.key;
    else if (event.key === "Escape") (stop(), escaped());
  };
  const stop = (): string => (removeEventListener("keydown", hear, true), typed);
  addEventListener("keydown", hear, true);
  return stop;
}

export function startKeyboard(): void {
  addEventListener("keydown", (event) => {
    if (event.altKey || event.defaultPrevented) return;
    const held = event.ctrlKey || event.metaKey;
    if (!held && (typing(event.target) || taken(event))) return;
    // A modal dialog has the keyboard, one that is still loading too: Escape closes it, the page behind it hears nothing.
    if (document.querySelector("dialog:modal, [data-dialog]")) return;
    if (!held && /^\S$/.test(event.key) && !singleKeysOn()) return;
    const pressed = held ? `Ctrl+${event.key}` : event.key;
    for (const shortcut of stack.flat().reverse()) {
      const keys = shortcut.keys.split(" ").map((k) => (k === "Space" ? " " : k));
      if (!shortcut.run || !keys.includes(pressed) || shortcut.when?.() === false) continue;
      event.preventDefault();
      shortcut.run(event);
      return;
    }
  });
}
