/**
 * Where the page is: path and view. The address bar is the only store of it; Back, reload and a shared link agree.
 * What is embedded in another page stays what it is: whatever leads elsewhere opens a page of its own.
 */
import "../core/fresh";
import { oddParameters, type Oddity } from "../core/odd";
import { parseRoute, type Route } from "../core/route";
import { formatView, parseView, VIEW_KEYS, type View } from "../core/url";

/** Changes of the same kind within this time are one: a slider is moved, not set forty times. */
const ONE_CHANGE_MS = 300;
const MOST_UNDONE = 100;

interface Past {
  view: View;
  /** The parameters of the page that changed with it, as they were. */
  rest: Record<string, string | null>;
  what: string[];
  at: number;
}

class Nav {
  route = $state.raw<Route>(parseRoute(location.pathname));
  view = $state.raw<View>(parseView(location.search));
  /** The line of a log that the address points at. */
  line = $state.raw<number | null>(lineOf(location.search));
  /** What else the address says: parameters of single pages, such as the `file` that is looked at. */
  rest = $state.raw<Readonly<Record<string, string>>>(restOf(location.search));

  /** What the address said when it was opened and cannot be used. */
  odd = $state.raw<readonly Oddity[]>(oddOf(this.route));

  /** What the last undone change was of, a new list each time: what is kept beside the address follows. */
  undone = $state.raw<readonly string[]>([]);
  /** How this page stood before its last changes, the newest last. */
  private past: Past[] = [];

  constructor() {
    addEventListener("popstate", () => ((this.past = []), this.read()));
    document.addEventListener("click", (event) => this.follow(event));
  }

  /** Opens another page. */
  go(path: string): void {
    if (location.pathname.startsWith("/embed/")) return void open(path, "_blank", "noopener");
    history.pushState(null, "", path);
    this.past = [];
    this.read();
  }

  /** Changes the view in place; sorting, filters and zoom make no history. What nobody asked for is not undone either. */
  change(part: Partial<View>, unasked = false, parameters: Record<string, string | null> = {}): void {
    if (!unasked) this.note(part, parameters);
    this.view = { ...this.view, ...part };
    this.set(parameters);
  }

  /** Takes the last change of the view back; nothing where there was none since the page or a saved view was opened. */
  undo(): void {
    const last = this.past.pop();
    if (!last) return;
    this.view = last.view;
    this.undone = last.what;
    this.set(last.rest);
  }

  private note(part: Partial<View>, parameters: Record<string, string | null>): void {
    const { view } = this;
    const what = Object.keys({ ...part, ...parameters });
    const rest = Object.fromEntries(Object.keys(parameters).map((key) => [key, this.rest[key] ?? null]));
    const at = performance.now();
    const last = this.past.at(-1);
    if (last?.what.join() === what.join() && at - last.at < ONE_CHANGE_MS) last.at = at;
    else this.past = [...this.past, { view, rest, what, at }].slice(-MOST_UNDONE);
  }

  setLine(line: number | null): void {
    this.line = line;
    this.write();
  }

  /** Sets parameters of this page in place; null takes one away. */
  set(parameters: Record<string, string | null>): void {
    const next = { ...this.rest };
    for (const [key, value] of Object.entries(parameters)) {
      if (value === null) delete next[key];
      else next[key] = value;
    }
    this.rest = next;
    this.write();
  }

  /** Shows what a query string says instead of what the address says now. */
  show(query: string): void {
    this.past = [];
    history.replaceState(null, "", location.pathname + (query && `?${query}`));
    this.read();
  }

  /** The query string of what is shown, without the parameters named. */
  query(...without: string[]): string {
    const parts = [formatView(this.view).slice(1)];
    if (this.line !== null) parts.push(`line=${this.line}`);
    for (const [key, value] of Object.entries(this.rest)) if (!without.includes(key)) parts.push(`${encodeURIComponent(key)}=${encodeURIComponent(value).replace(/%2F/g, "/").replace(/%3A/g, ":")}`);
    return parts.filter((part) => part !== "").join("&");
  }

  private write(): void {
    const query = this.query();
    history.replaceState(null, "", location.pathname + (query && `?${query}`));
  }

  private read(): void {
    this.route = parseRoute(location.pathname);
    this.view = parseView(location.search);
    this.line = lineOf(location.search);
    this.rest = restOf(location.search);
    this.odd = oddOf(this.route);
  }

  /** Takes what cannot be used out of the address. */
  leaveOdd(): void {
    this.odd = [];
    const { page } = this.route;
    if (page === "workspace") this.rest = Object.fromEntries(Object.entries(this.rest).filter(([name, value]) => oddParameters(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`, true).length === 0));
    this.write();
  }

  private follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || link.target || link.origin !== location.origin || link.hasAttribute("download")) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
}

function oddOf({ page }: Route): Oddity[] {
  return page === "embed" ? [] : oddParameters(location.search, page === "workspace");
}

function lineOf(search: string): number | null {
  const text = new URLSearchParams(search).get("line");
  return text !== null && /^\d+$/.test(text) ? Number(text) : null;
}

function restOf(search: string): Record<string, string> {
  const own = new Set<string>([...VIEW_KEYS, "line"]);
  return Object.fromEntries([...new URLSearchParams(search)].filter(([key]) => !own.has(key)));
}

export const nav = new Nav();
