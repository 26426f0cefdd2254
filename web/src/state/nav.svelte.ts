/** Where the page is: path and view. The address bar is the only store of it; Back, reload and a shared link agree. */
import "../core/fresh";
import { parseRoute, type Route } from "../core/route";
import { formatView, parseView, VIEW_KEYS, type View } from "../core/url";

class Nav {
  route = $state.raw<Route>(parseRoute(location.pathname));
  view = $state.raw<View>(parseView(location.search));
  /** The line of a log that the address points at. */
  line = $state.raw<number | null>(lineOf(location.search));
  /** What else the address says: parameters of single pages, such as the `file` that is looked at. */
  rest = $state.raw<Readonly<Record<string, string>>>(restOf(location.search));

  constructor() {
    addEventListener("popstate", () => this.read());
    document.addEventListener("click", (event) => this.follow(event));
  }

  /** Opens another page. */
  go(path: string): void {
    history.pushState(null, "", path);
    this.read();
  }

  /** Changes the view in place; sorting, filters and zoom make no history. */
  change(part: Partial<View>): void {
    this.view = { ...this.view, ...part };
    this.write();
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
  }

  private follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || link.target || link.origin !== location.origin || link.hasAttribute("download")) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
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
