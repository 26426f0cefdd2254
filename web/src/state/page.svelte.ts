/** What all parts of the page share: whether the server answers and lets us in, the live stream's mode, the run under the pointer, the theme. */
import { api } from "../core/api";
import { givenInfo } from "../core/start";
import type { LiveMode } from "../core/live";
import type { Theme } from "../core/palette";
import { onTheme, setTheme, theme } from "../core/theme";
import type { Info, User } from "../core/wire";
import { nav } from "./nav.svelte";

const REST_MS = 70;
const LEAVE_MS = 150;
/** Tells the other tabs of this browser, which share the cookie, that it changed. */
const TABS = "epochal-session";

class Page {
  reachable = $state(true);
  info = $state.raw<Info | null>(null);
  user = $state.raw<User | null>(null);
  /** The server lets nobody in: there is only the login form. */
  shut = $state(false);
  /** Somebody was let in before; their session ended. */
  lost = $state(false);
  live = $state<LiveMode | null>(null);
  /** Uid of the run whose curve and row stand out. */
  lit = $state<string | null>(null);
  theme = $state<Theme>(theme());
  /** The server was upgraded since this page was loaded. */
  outdated = $state(false);
  help = $state(false);
  finder = $state(false);
  /** The project whose alerts are shown. */
  alerts = $state.raw<{ entity: string; project: string } | null>(null);
  /** Seconds tick for "3 min ago". */
  now = $state(Date.now() * 1000);

  /** The bundle that this page is of. */
  private build: string | null = null;
  private pointing: ReturnType<typeof setTimeout> | undefined;
  private readonly tabs = new BroadcastChannel(TABS);

  constructor() {
    api.session.onChange(() => this.readSession());
    this.tabs.onmessage = ({ data }) => (data === "left" ? api.session.leave() : void this.loadInfo());
    api.onReachable((reachable) => {
      this.reachable = reachable;
      if (reachable) void this.compare();
    });
    onTheme(() => (this.theme = theme()));
    setInterval(() => {
      if (!document.hidden) this.now = Date.now() * 1000;
    }, 5000);
    void this.loadInfo();
  }

  /** Whoever looks at an embed only looks: the page around it may be anybody's. */
  get mayWrite(): boolean {
    return this.user !== null && this.user.role !== "reader" && nav.route.page !== "embed";
  }

  get isReader(): boolean {
    return this.user?.role === "reader";
  }

  /** Lets the holder of a key in, in every tab; throws an ApiError that says why not. */
  async logIn(key: string): Promise<void> {
    this.info = await api.logIn(key);
    this.tabs.postMessage("entered");
  }

  async logOut(): Promise<void> {
    await api.logOut();
    this.tabs.postMessage("left");
  }

  private readSession(): void {
    const { user, shut, lost } = api.session;
    Object.assign(this, { user, shut, lost });
  }

  /** Makes a run stand out once the pointer rests on it; sweeping over many redraws nothing. */
  point(run: string | null): void {
    clearTimeout(this.pointing);
    this.pointing = setTimeout(() => (this.lit = run), run === null ? LEAVE_MS : REST_MS);
  }

  toggleTheme(): void {
    setTheme(this.theme === "dark" ? "light" : "dark");
  }

  /** Looks whether the server that is there now still has the bundle that this page is of. */
  async compare(): Promise<void> {
    const now = await api.info().catch(() => null);
    if (now && this.build !== null && now.build !== this.build) this.outdated = true;
  }

  /** Asks the server who we are to it. */
  async loadInfo(): Promise<void> {
    try {
      this.info = await api.info(givenInfo());
      this.build ??= this.info.build;
    } catch {
      // The banner tells about a server that is away; the version is then asked for after it is back.
      const stop = api.onReachable((reachable) => {
        if (!reachable) return;
        stop();
        void this.loadInfo();
      });
    }
  }
}

export const page = new Page();
