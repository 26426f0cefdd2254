/** Connects a page to the live stream of a project or run, and to polling when there is none. */
import { api, ApiError } from "../core/api";
import { frameVisibility, isFramed, Live } from "../core/live";
import { sharedPipe } from "../core/live-shared";
import type { Change, RunPage, RunRow } from "../core/wire";
import { page } from "./page.svelte";

const POLLED_RUNS = 200;
/** Runs of which one question asks whether they are still there. */
const MOST_ASKED = 1000;
const GONE = 404;

interface Handlers {
  changes(changes: Change[]): void;
  resync(): void;
}

/**
 * Follows all runs of a project; returns how to stop.
 *
 * @param read the page of runs that was read first, so that what changed between then and the stream's hello is told as well
 */
export function followProject(entity: string, project: string, handlers: Handlers, read?: Promise<RunPage>): () => void {
  const seen = new Map<string, number>();
  /** What the last poll found. */
  let listed: readonly RunRow[] | null = null;
  /** What was read first, once it is there: an expression that cannot be read keeps it away, and no poll waits for that. */
  let first: RunPage | null = null;
  void read?.then((page) => (first = page));
  /** Of runs that were there, those that are deleted: not among the newest, and not elsewhere. */
  const deleted = async (before: readonly RunRow[], newest: readonly RunRow[]): Promise<Change[]> => {
    const there = new Set(newest.map((r) => r.uid));
    const unseen = before.filter((r) => !there.has(r.uid)).slice(0, MOST_ASKED);
    if (unseen.length === 0) return [];
    const { runs } = await api.queryRuns({ entity, project, ids: unseen.map((r) => r.id), archived: true, limit: MOST_ASKED });
    const left = new Set(runs.map((r) => r.uid));
    return unseen.filter((r) => !left.has(r.uid)).map(deletionOf);
  };
  const poll = async (): Promise<Change[]> => {
    const { runs } = await api.queryRuns({ entity, project, order: ["-created"], limit: POLLED_RUNS });
    const gone = await deleted(listed ?? first?.runs ?? [], runs);
    listed = runs;
    return [...gone, ...runs.filter((r) => remember(seen, r.uid, r.updated_us)).map(changeOf)];
  };
  const catchUp = async (rev: number): Promise<Change[]> => {
    const first = await read;
    if (!first || rev <= first.rev) return [];
    const known = new Map(first.runs.map((r) => [r.uid, r]));
    const newest = Math.max(0, ...[...known.values()].map((r) => r.created_us));
    const { runs } = await api.queryRuns({ entity, project, order: ["-created"], limit: POLLED_RUNS });
    const fresh = runs.filter((r) => (known.has(r.uid) ? known.get(r.uid)?.updated_us !== r.updated_us : r.created_us > newest));
    return [...(await deleted(first.runs, runs)), ...fresh.map(changeOf)];
  };
  return follow(() => api.eventsUrl({ entity, project }), poll, handlers, catchUp);
}

/** Follows one run, as it was first read; returns how to stop. */
export function followRun(read: RunRow, handlers: Handlers): () => void {
  const { uid } = read;
  const seen = new Map([[uid, read.updated_us]]);
  const poll = async (): Promise<Change[]> => {
    try {
      const run = await api.run(uid);
      return remember(seen, uid, run.updated_us) ? [changeOf(run)] : [];
    } catch (error) {
      if (!(error instanceof ApiError && error.status === GONE)) throw error;
      return remember(seen, uid, NaN) ? [deletionOf(read)] : [];
    }
  };
  return follow(() => api.eventsUrl({ run: uid }), poll, handlers, poll);
}

function remember(seen: Map<string, number>, uid: string, updated: number): boolean {
  const before = seen.get(uid);
  seen.set(uid, updated);
  return !Object.is(before, updated);
}

function changeOf(run: { uid: string; project: string; entity: string; state: Change["state"]; last_step: number | null }): Change {
  const { uid, project, entity, last_step } = run;
  return { uid, project, entity, rev: 0, what: ["series", "facts", "logs", "media", "files", "artifacts"], state: run.state, last_step, reset: false };
}

const deletionOf = (run: RunRow): Change => ({ ...changeOf(run), what: ["deleted"], reset: true });

function follow(url: () => string, poll: () => Promise<Change[]>, handlers: Handlers, catchUp: (rev: number) => Promise<Change[]>): () => void {
  const resync = (): void => (handlers.resync(), void page.compare());
  const visibility = isFramed() ? frameVisibility() : undefined;
  const live = new Live({ open: () => sharedPipe(url()), poll, catchUp, visibility }, { ...handlers, resync, mode: (mode) => (page.live = mode) });
  // After an outage the stream may have silently missed changes.
  const stop = api.onReachable((reachable) => {
    if (reachable) handlers.resync();
  });
  return () => {
    stop();
    live.close();
    page.live = null;
  };
}
