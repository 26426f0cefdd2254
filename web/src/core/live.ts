/**
 * What changed on the server, as it happens (wire.md, "Live events").
 *
 * Promises: one stream while the tab is visible and none while it is hidden; on return, and after anything that may
 * have lost events, listeners get `resync`. After two failures of the stream it polls every 2 s and tries the stream
 * again every 15 s. Nothing moves but these small notices; data is fetched by whoever needs it.
 */
import type { Change } from "./wire";

export type LiveMode = "connecting" | "stream" | "polling" | "paused";

export interface LiveListener {
  changes(changes: Change[]): void;
  resync(): void;
  mode?(mode: LiveMode): void;
}

/** A stream of named events; EventSource and the shared stream both are one. */
export interface EventPipe {
  onopen: (() => void) | null;
  onerror: (() => void) | null;
  onevent: ((name: string, data: string) => void) | null;
  close(): void;
}

export interface LiveOptions {
  open: () => EventPipe;
  /** Asks the server for runs that changed since the last poll. */
  poll: () => Promise<Change[]>;
  /** Asks for runs that changed after they were first read: the stream tells only what comes after its hello, which is of revision `rev`. */
  catchUp?: (rev: number) => Promise<Change[]>;
  visibility?: Visibility;
}

export interface Visibility {
  hidden: () => boolean;
  /** Calls `f` when that may have changed; returns how to stop. */
  listen: (f: () => void) => () => void;
}

const POLL_MS = 2000;
const RETRY_STREAM_MS = 15_000;
const FAILURES_BEFORE_POLLING = 2;

export class Live {
  mode: LiveMode = "connecting";
  private pipe: EventPipe | null = null;
  private failures = 0;
  private missed = false;
  /** A stream has said hello once. */
  private greeted = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private retryAt = 0;
  private stopped = false;
  private readonly unlisten: () => void;

  constructor(
    private readonly options: LiveOptions,
    private readonly listener: LiveListener,
  ) {
    const visibility = options.visibility ?? documentVisibility;
    this.hidden = visibility.hidden;
    this.unlisten = visibility.listen(() => this.visibilityChanged());
    if (this.hidden()) this.pause();
    else this.connect();
  }

  private readonly hidden: () => boolean;

  /** Ends everything; nothing is called afterwards. */
  close(): void {
    this.stopped = true;
    this.unlisten();
    this.drop();
  }

  private visibilityChanged(): void {
    if (this.stopped) return;
    if (this.hidden()) this.pause();
    else if (this.mode === "paused") this.connect();
  }

  private pause(): void {
    this.drop();
    this.missed = true;
    this.setMode("paused");
  }

  private drop(): void {
    clearTimeout(this.timer);
    this.pipe?.close();
    this.pipe = null;
  }

  private connect(): void {
    this.drop();
    if (this.mode !== "polling") this.setMode("connecting");
    const pipe = this.options.open();
    this.pipe = pipe;
    pipe.onevent = (name, data) => this.received(name, data);
    pipe.onerror = () => this.failed();
  }

  private received(name: string, data: string): void {
    if (this.stopped) return;
    if (name === "hello") {
      clearTimeout(this.timer);
      this.failures = 0;
      this.setMode("stream");
      if (this.missed) this.listener.resync();
      else if (!this.greeted) void this.catchUp((JSON.parse(data) as { rev: number }).rev);
      this.missed = false;
      this.greeted = true;
    } else if (name === "resync") this.listener.resync();
    else if (name === "changes") this.listener.changes((JSON.parse(data) as { runs: Change[] }).runs);
  }

  private failed(): void {
    if (this.stopped || this.hidden()) return;
    this.drop();
    this.missed = true;
    this.failures++;
    if (this.failures >= FAILURES_BEFORE_POLLING) {
      this.retryAt = Date.now() + RETRY_STREAM_MS;
      this.setMode("polling");
      void this.pollOnce();
    } else {
      this.timer = setTimeout(() => this.connect(), 500);
    }
  }

  private async catchUp(rev: number): Promise<void> {
    try {
      const changes = (await this.options.catchUp?.(rev)) ?? [];
      if (!this.stopped && changes.length > 0) this.listener.changes(changes);
    } catch {
      // The API client already shows that the server is away, and there is a resync once it is back.
    }
  }

  private async pollOnce(): Promise<void> {
    try {
      const changes = await this.options.poll();
      if (!this.stopped && !this.hidden() && changes.length > 0) this.listener.changes(changes);
    } catch {
      // The API client already shows that the server is away; once it is back, so is its stream.
      this.retryAt = 0;
    }
    if (this.stopped || this.hidden() || this.mode !== "polling") return;
    this.timer = setTimeout(() => (Date.now() >= this.retryAt ? this.connect() : void this.pollOnce()), POLL_MS);
  }

  private setMode(mode: LiveMode): void {
    if (this.mode === mode) return;
    this.mode = mode;
    this.listener.mode?.(mode);
  }
}

const documentVisibility: Visibility = {
  hidden: () => document.hidden,
  listen: (f: () => void) => {
    document.addEventListener("visibilitychange", f);
    return () => document.removeEventListener("visibilitychange", f);
  },
};

/** Whether another page is around this one. */
export const isFramed = (): boolean => globalThis.parent !== undefined && parent !== window;

/** Of a frame: out of sight of the page around it is hidden, too. */
export function frameVisibility(): Visibility {
  let away = false;
  return {
    hidden: () => away || document.hidden,
    listen: (f) => {
      const stop = documentVisibility.listen(f);
      const observer = new IntersectionObserver((entries) => {
        away = !(entries.at(-1) as IntersectionObserverEntry).isIntersecting;
        f();
      });
      observer.observe(document.documentElement);
      return () => (stop(), observer.disconnect());
    },
  };
}

/** A stream of this tab's own. */
export function eventSourcePipe(url: string): EventPipe {
  const source = new EventSource(url);
  const pipe: EventPipe = { onopen: null, onerror: null, onevent: null, close: () => source.close() };
  for (const name of ["hello", "changes", "resync"]) {
    source.addEventListener(name, (event) => pipe.onevent?.(name, (event as MessageEvent<string>).data));
  }
  source.onopen = () => pipe.onopen?.();
  source.onerror = () => pipe.onerror?.();
  return pipe;
}
