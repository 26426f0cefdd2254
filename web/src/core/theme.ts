/** Light or dark: the operating system's choice unless the user has set one on this machine. Colors live in tokens.css. */
import type { Theme } from "./palette";

export type ThemeChoice = Theme | "system";

export interface ChartColors {
  text: string;
  muted: string;
  line: string;
  grid: string;
  fail: string;
  accent: string;
  panel: string;
}

const STORAGE_KEY = "epochal:theme";
const dark = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();
let colors: ChartColors | null = null;
let paper = false;
/** What the address of an embed asks for; the page around it knows its own theme best. */
const asked = location.pathname.startsWith("/embed/") ? new URLSearchParams(location.search).get("theme") : null;

export function themeChoice(): ThemeChoice {
  const stored = asked ?? readStored();
  return stored === "light" || stored === "dark" ? stored : "system";
}

function readStored(): string | null {
  try {
    return localStorage.getItem(STORAGE_KEY);
  } catch {
    return null;
  }
}

/** The theme on screen. */
export function theme(): Theme {
  if (paper) return "light";
  const choice = themeChoice();
  return choice === "system" ? (dark.matches ? "dark" : "light") : choice;
}

export function setTheme(choice: ThemeChoice): void {
  try {
    if (choice === "system") localStorage.removeItem(STORAGE_KEY);
    else localStorage.setItem(STORAGE_KEY, choice);
  } catch {
    // A browser without storage forgets the choice at the next visit; the page still changes now.
  }
  apply(choice);
}

/** Shows everything as paper needs it, until it is told that printing is over. */
export function onPaper(now: boolean): void {
  if (paper === now) return;
  paper = now;
  apply(now ? "light" : themeChoice());
}

/** Calls `listener` after each change of theme; returns how to stop. */
export function onTheme(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function apply(choice: ThemeChoice): void {
  if (choice === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
  colors = null;
  for (const listener of listeners) listener();
}

export function startTheme(): void {
  apply(themeChoice());
  chartColors(); // To ask for them once the page is full is to style all of it for that.
  dark.addEventListener("change", () => apply(themeChoice()));
}

/** The tokens that charts draw with. */
export function chartColors(): ChartColors {
  if (colors) return colors;
  const style = getComputedStyle(document.documentElement);
  const token = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  colors = {
    text: token("text"),
    muted: token("muted"),
    line: token("line"),
    grid: token("grid"),
    fail: token("fail"),
    accent: token("accent"),
    panel: token("panel"),
  };
  return colors;
}
