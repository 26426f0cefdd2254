/**
 * The client of Epochal's REST API (docs/internals/wire.md).
 *
 * Promises: every failure is an ApiError with a code and a sentence for people; while the server cannot be reached
 * `reachable` is false, one slow probe of /healthz runs, and listeners hear when it is back; while nobody is let in,
 * nothing is sent but the question who we are and the login. Owns no data.
 */
import { decodeColumns, type ColumnMessage } from "./columns";
import { exactJson } from "./exact";
import { Session } from "./session";
import type {
  BucketHead, BucketQuery, GroupPage, GroupQuery, Info, KeyMetric, LogFind, LogPage, PointHead, PointQuery, Project, ProjectKeys, RunDetail, RunPage, RunPatch, RunQuery, RunRow, RunsOutcome,
} from "./wire";

export class ApiError extends Error {
  override name = "ApiError";
  constructor(
    /** The server's code, or `unreachable`, `aborted`, `bad_answer`. */
    readonly code: string,
    message: string,
    readonly status = 0,
    /** Where a `where` expression went wrong, in characters from 0. */
    readonly position: number | null = null,
    /** Seconds after which the server may be asked again. */
    readonly retryAfter: number | null = null,
    /** The expression, column or entry of an order that could not be read. */
    readonly text: string | null = null,
  ) {
    super(message);
  }

  /** Whether the same question may be answered later: nobody was there, or had no time, or has to be let in first. */
  get passing(): boolean {
    return this.status < 400 || this.status > 499 || [401, 429].includes(this.status);
  }
}

const PROBE_FIRST_MS = 1000;
const PROBE_LAST_MS = 5000;
/** Characters of a request that surely are less than the 64 kB that may outlive a page. */
const SHORT = 15_000;
const TAGS = "/ajax-api/2.0/mlflow/runs";
const SESSION = "/api/v1/session";
const INFO = "/api/v1/info";
/** What may be asked by those who are not let in. */
const OPEN_DOORS = new Set([SESSION, INFO]);
const NO_COOKIE =
  "The key is right, but this browser kept no session. Allow cookies, and open the page by the address that the server was started with.";

export class Api {
  reachable = true;
  private readonly listeners = new Set<(reachable: boolean) => void>();
  private probing = false;
  /** Changes that wait for their author to come back. */
  private readonly held = new Set<Promise<unknown>>();

  constructor(
    private readonly base = "",
    readonly session = new Session(),
  ) {}

  /** Calls `listener` whenever the server goes away or comes back; returns how to stop. */
  onReachable(listener: (reachable: boolean) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Who we are to the server; the session then knows as well. What is given need not be asked. */
  async info(given?: Info): Promise<Info> {
    const { epoch } = this.session;
    const info = given ?? (await this.json<Info>("GET", INFO));
    if (info.user) this.session.admit(info.user);
    else this.session.refuse(epoch);
    return info;
  }

  /** Exchanges an API key for a session of this browser. */
  async logIn(key: string): Promise<Info> {
    await this.json("POST", SESSION, { key });
    const info = await this.info();
    if (!info.user) throw new ApiError("no_cookie", NO_COOKIE, 401);
    return info;
  }

  async logOut(): Promise<void> {
    await this.send("DELETE", SESSION);
    this.session.leave();
  }

  async projects(): Promise<Project[]> {
    return (await this.json<{ projects: Project[] }>("GET", "/api/v1/projects")).projects;
  }

  /** Of each project what it is told by in a list; null where nothing is charted. */
  async keyMetrics(projects: readonly Project[]): Promise<(KeyMetric | null)[]> {
    const asked = projects.map(({ entity, name }) => ({ entity, project: name }));
    return (await this.json<{ metrics: (KeyMetric | null)[] }>("POST", "/api/v1/projects/key-metrics", { projects: asked })).metrics;
  }

  keys(entity: string, project: string): Promise<ProjectKeys> {
    return this.json("GET", `/api/v1/projects/keys?${query({ entity, project })}`);
  }

  queryRuns(body: RunQuery, signal?: AbortSignal): Promise<RunPage> {
    return this.json("POST", "/api/v1/runs/query", body, signal);
  }

  queryGroups(body: GroupQuery): Promise<GroupPage> {
    return this.json("POST", "/api/v1/runs/groups", body);
  }

  resolveRun(entity: string, project: string, id: string): Promise<RunDetail> {
    return this.json("GET", `/api/v1/runs/resolve?${query({ entity, project, id })}`);
  }

  run(uid: string): Promise<RunDetail> {
    return this.json("GET", `/api/v1/runs/${uid}`);
  }

  patchRun(uid: string, patch: RunPatch): Promise<RunRow> {
    return this.json("PATCH", `/api/v1/runs/${uid}`, patch);
  }

  /** Sets a tag as MLflow's client does. */
  async setTag(uid: string, key: string, value: string): Promise<void> {
    await this.send("POST", `${TAGS}/set-tag`, { run_id: uid, key, value });
  }

  async removeTag(uid: string, key: string): Promise<void> {
    await this.send("POST", `${TAGS}/delete-tag`, { run_id: uid, key });
  }

  /** The same for many; who refuses is told. */
  changeRuns(runs: string[], changes: RunPatch): Promise<RunsOutcome> {
    return this.json("PATCH", "/api/v1/runs", { runs, changes });
  }

  deleteRuns(runs: string[]): Promise<RunsOutcome> {
    return this.json("POST", "/api/v1/runs/delete", { runs });
  }

  /** Moves runs to another project, where they have other uids. */
  moveRuns(runs: string[], to: { entity: string; project: string }): Promise<RunsOutcome> {
    return this.json("POST", "/api/v1/runs/move", { runs, to });
  }

  /** Asks the run's process to end; it hears within seconds. */
  async stopRun(uid: string): Promise<void> {
    await this.send("POST", `/api/v1/runs/${uid}/stop`, {});
  }

  async deleteRun(uid: string): Promise<void> {
    await this.send("DELETE", `/api/v1/runs/${uid}`);
  }

  logs(uid: string, window: { start?: number; limit?: number; tail?: number; search?: string; stream?: string }): Promise<LogPage> {
    return this.json("GET", `/api/v1/runs/${uid}/logs?${query(window)}`);
  }

  /** Which lines match, and where errors are. */
  findLines(uid: string, wanted: { search?: string; stream?: string; errors?: boolean }): Promise<LogFind> {
    const { errors, ...rest } = wanted;
    return this.json("GET", `/api/v1/runs/${uid}/logs/find?${query({ ...rest, errors: errors ? "true" : undefined })}`);
  }

  /** The line that was printed last at a time. */
  async lineAt(uid: string, t_us: number): Promise<number | null> {
    return (await this.json<{ line: number | null }>("GET", `/api/v1/runs/${uid}/logs/at?${query({ t_us })}`)).line;
  }

  buckets(body: BucketQuery, signal?: AbortSignal): Promise<ColumnMessage<BucketHead>> {
    return this.columns("/api/v1/series/buckets", body, signal);
  }

  /** Exact points of some series of one run. */
  points(body: PointQuery, signal?: AbortSignal): Promise<ColumnMessage<PointHead>> {
    return this.columns("/api/v1/series/points", body, signal);
  }

  private async columns<Head>(path: string, body: unknown, signal?: AbortSignal): Promise<ColumnMessage<Head>> {
    const response = await this.send("POST", path, body, signal);
    try {
      return decodeColumns<Head>(await response.arrayBuffer());
    } catch (error) {
      if (signal?.aborted) throw new ApiError("aborted", "the request was given up");
      throw new ApiError("bad_answer", error instanceof Error ? error.message : String(error), response.status);
    }
  }

  /** Any other route; its JSON answer, or undefined when it has none. */
  async ask<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    const response = await this.send(method, path, body, signal);
    return (response.headers.get("content-length") === "0" || response.status === 204 ? undefined : await this.parse(response, method, path)) as T;
  }

  /** The bytes of a content route, all of them or those of a range (the last one included). */
  content(path: string, range?: [number, number], signal?: AbortSignal): Promise<Response> {
    return this.send("GET", path, undefined, signal, range && { range: `bytes=${range[0]}-${range[1]}` });
  }

  eventsUrl(scope: { entity: string; project: string } | { run: string }): string {
    return `${this.base}/api/v1/events?${query(scope)}`;
  }

  private async json<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    return this.parse(await this.send(method, path, body, signal), method, path);
  }

  private async parse<T>(response: Response, method: string, path: string): Promise<T> {
    try {
      return exactJson(await response.text()) as T;
    } catch {
      throw new ApiError("bad_answer", `${method} ${path} gave no JSON`, response.status);
    }
  }

  private async send(method: string, path: string, body?: unknown, signal?: AbortSignal, more: Record<string, string> = {}): Promise<Response> {
    const guarded = !OPEN_DOORS.has(path);
    if (guarded && method !== "PATCH" && this.held.size > 0 && !this.session.shut) await Promise.allSettled(this.held);
    const { epoch, user } = this.session;
    let refusal = new ApiError("unauthenticated", "nobody is logged in", 401);
    if (!guarded || !this.session.shut) {
      const response = await this.fetch(method, path, body, signal, more);
      if (response.ok) return response;
      refusal = await failure(response);
      if (!guarded || response.status !== 401) throw refusal;
      this.session.refuse(epoch);
    }
    if (method !== "PATCH") throw refusal;
    // What somebody changed while their session ended is not lost, and what is read after the login has it.
    return this.hold(
      this.session.back(user?.name ?? null).then((back) => {
        if (!back) throw refusal;
        return this.send(method, path, body, signal, more);
      }),
    );
  }

  private async hold<T>(change: Promise<T>): Promise<T> {
    this.held.add(change);
    try {
      return await change;
    } finally {
      this.held.delete(change);
    }
  }

  private async fetch(method: string, path: string, body: unknown, signal: AbortSignal | undefined, more: Record<string, string>): Promise<Response> {
    const headers = body === undefined ? more : { "content-type": "application/json", ...more };
    try {
      const text = body === undefined ? null : JSON.stringify(body);
      // A change of somebody who leaves the page is sent all the same; browsers do so for short ones.
      const keepalive = method === "PATCH" && (text?.length ?? 0) < SHORT;
      const response = await fetch(this.base + path, { method, headers, body: text, signal, keepalive });
      this.found();
      return response;
    } catch {
      if (signal?.aborted) throw new ApiError("aborted", "the request was given up");
      this.lost();
      throw new ApiError("unreachable", "the Epochal server does not answer; it is asked again until it does");
    }
  }

  private lost(): void {
    this.announce(false);
    if (!this.probing) void this.probe(PROBE_FIRST_MS);
  }

  private found(): void {
    this.announce(true);
  }

  private announce(reachable: boolean): void {
    if (this.reachable === reachable) return;
    this.reachable = reachable;
    for (const listener of this.listeners) listener(reachable);
  }

  private async probe(wait: number): Promise<void> {
    this.probing = true;
    await new Promise((resolve) => setTimeout(resolve, wait));
    if (this.reachable) {
      this.probing = false;
      return;
    }
    try {
      const answer = await fetch(`${this.base}/healthz`, { cache: "no-store" });
      if (answer.ok) {
        this.probing = false;
        return this.found();
      }
    } catch {
      // Still away: the next probe waits longer.
    }
    return this.probe(Math.min(PROBE_LAST_MS, wait * 1.5));
  }
}

async function failure(response: Response): Promise<ApiError> {
  const retryAfter = Number(response.headers.get("retry-after")) || null;
  try {
    // MLflow's doors tell an error in their own shape.
    const told = (await response.json()) as { error?: { code?: string; message?: string; position?: number; text?: string }; error_code?: string; message?: string };
    const error = told.error ?? { code: told.error_code, message: told.message };
    return new ApiError(error.code ?? "error", error.message ?? response.statusText, response.status, error.position ?? null, retryAfter, error.text ?? null);
  } catch {
    return new ApiError("error", `the server answered ${response.status} ${response.statusText}`, response.status, null, retryAfter);
  }
}

export function query(values: Record<string, string | number | undefined>): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) if (value !== undefined) params.set(key, String(value));
  return params.toString();
}

/** The server of this page. */
export const api = new Api();
