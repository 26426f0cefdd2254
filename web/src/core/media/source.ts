/**
 * The media on screen: asked for together, kept, and asked for again when their bytes may have come.
 *
 * Promises: one request per frame for everything in view; what has not changed is asked for once; what was
 * shown stays until something newer is there; what failed is asked for again where that may help.
 */
import type { ApiError } from "../api";
import type { MediaEntry, MediaPage, MediaQuery } from "./shapes";

interface Want {
  run: string;
  key: string;
  step: number;
}

/** What is known of one key at one step; `entry` is null when there is none (any more). */
export interface Known {
  entry: MediaEntry | null;
  failure: string | null;
}

const KEYS_PER_REQUEST = 100;
/** After so long what failed is asked for again where that may help. */
const AGAIN_MS = 4000;
const MOST_KEPT = 3000;

export class MediaSource {
  private readonly known = new Map<string, Known>();
  private readonly stale = new Set<string>();
  private wanted = new Map<string, Want>();
  private readonly asking = new Set<string>();
  private scheduled = false;

  constructor(
    private readonly ask: (query: MediaQuery) => Promise<MediaPage>,
    private readonly heard: () => void,
    private readonly soon: (job: () => void) => void = (job) => void requestAnimationFrame(job),
  ) {}

  /** What is known; asks for it when it is not, or may have changed. */
  read(run: string, key: string, step: number): Known | null {
    const id = idOf(run, key, step);
    const found = this.known.get(id) ?? null;
    if ((!found || this.stale.has(id)) && !this.asking.has(id)) {
      // Of one key only the last wish of a frame counts: a scrubber passes many steps.
      this.wanted.set(`${run}|${key}`, { run, key, step });
      this.schedule();
    }
    return found;
  }

  /** Something about a run's media has changed: the bytes of an item have come, or one was logged again at its step. */
  changed(run: string, newest: (key: string) => number | null): void {
    for (const [id, { entry }] of this.known) {
      if (entry && entry.run !== run) continue;
      if (!entry || isOnItsWay(entry) || newest(entry.key) === entry.step) this.stale.add(id);
    }
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.soon(() => {
      this.scheduled = false;
      this.flush();
    });
  }

  private flush(): void {
    const wants = [...this.wanted.values()];
    this.wanted = new Map();
    for (let i = 0; i < wants.length; i += KEYS_PER_REQUEST) void this.fetch(wants.slice(i, i + KEYS_PER_REQUEST));
  }

  private async fetch(wants: Want[]): Promise<void> {
    const ids = wants.map((w) => idOf(w.run, w.key, w.step));
    for (const id of ids) {
      this.asking.add(id);
      this.stale.delete(id);
    }
    try {
      // Each key's step is its newest up to the scrubber's, so also up to the greatest of these.
      const at = Math.max(...wants.map((w) => w.step));
      const { entries } = await this.ask({ runs: distinct(wants.map((w) => w.run)), keys: distinct(wants.map((w) => w.key)), at, limit: 1000 });
      const found = new Map(entries.map((e) => [`${e.run}|${e.key}`, e]));
      for (const want of wants) {
        const entry = found.get(`${want.run}|${want.key}`) ?? null;
        this.keep(idOf(want.run, want.key, want.step), { entry, failure: null });
      }
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error);
      for (const id of ids) this.keep(id, { entry: this.known.get(id)?.entry ?? null, failure });
      const again = (): void => {
        for (const id of ids) this.stale.add(id);
        this.heard();
      };
      if ((error as ApiError).passing) setTimeout(again, AGAIN_MS);
    } finally {
      for (const id of ids) this.asking.delete(id);
      this.heard();
    }
  }

  private keep(id: string, known: Known): void {
    this.known.delete(id);
    this.known.set(id, known);
    if (this.known.size <= MOST_KEPT) return;
    const oldest = this.known.keys().next().value;
    if (oldest !== undefined) this.known.delete(oldest);
  }
}

/** Whether bytes of an entry are not here yet. */
export function isOnItsWay(entry: MediaEntry): boolean {
  return entry.items.some((item) => Object.values(item.blobs).some((blob) => !blob.present));
}

const idOf = (run: string, key: string, step: number): string => `${run}|${step}|${key}`;
const distinct = (texts: string[]): string[] => [...new Set(texts)];
