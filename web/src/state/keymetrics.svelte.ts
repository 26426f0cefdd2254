/**
 * The metric that each project is told by in their list.
 *
 * Promises: only projects in view are asked about, all of them in one request, and again only when they were active since.
 */
import { api } from "../core/api";
import { curveOf, type Curve } from "../core/sparkline";
import type { KeyMetric, Project } from "../core/wire";

const REST_MS = 120;
const MOST = 100;

export interface Told {
  metric: KeyMetric;
  curve: Curve | null;
}

export const idOf = (p: Project): string => `${p.entity}/${p.name}`;

export class KeyMetrics {
  /** By entity and name; null where nothing is charted. */
  found = $state.raw<ReadonlyMap<string, Told | null>>(new Map());
  private projects = new Map<string, Project>();
  /** When the projects were last active as they were asked about. */
  private readonly asked = new Map<string, number>();
  private readonly near = new Set<string>();
  private readonly rows = new WeakMap<Element, string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private busy = false;
  private readonly observer = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting } of seen) {
      const id = this.rows.get(target) ?? "";
      if (isIntersecting) this.near.add(id);
      else this.near.delete(id);
    }
    this.rest();
  }, { rootMargin: "80px" });

  /** An action of a project's row. */
  readonly watch = (row: HTMLElement, id: string): { destroy: () => void } => {
    this.rows.set(row, id);
    this.observer.observe(row);
    return { destroy: () => (this.observer.unobserve(row), this.near.delete(id)) };
  };

  /** The list was read. */
  look(projects: readonly Project[]): void {
    this.projects = new Map(projects.map((p) => [idOf(p), p]));
    this.rest();
  }

  close(): void {
    clearTimeout(this.timer);
    this.observer.disconnect();
  }

  private rest(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.ask(), REST_MS);
  }

  private async ask(): Promise<void> {
    const wanted = [...this.near].map((id) => this.projects.get(id)).filter((p) => p !== undefined && this.asked.get(idOf(p)) !== p.updated_us) as Project[];
    if (this.busy || wanted.length === 0) return;
    this.busy = true;
    try {
      const some = wanted.slice(0, MOST);
      const metrics = await api.keyMetrics(some);
      const next = new Map(this.found);
      for (const [i, project] of some.entries()) {
        const metric = metrics[i] ?? null;
        next.set(idOf(project), metric && { metric, curve: curveOf(metric.curve) });
        this.asked.set(idOf(project), project.updated_us);
      }
      this.found = next;
      this.rest();
    } catch {
      // The banner tells about a server that is away; the next reading of the list asks again.
    } finally {
      this.busy = false;
    }
  }
}
