/**
 * The statistics of all layers, fetched page after page without their histograms, and what changed since.
 *
 * Promises: layers stand in the model's order; every record is fetched once; health is judged over all that are here.
 */
import { isWatched } from "../media/keys";
import type { MediaKey, MediaPage, MediaQuery, Stats } from "../media/shapes";
import { diagnose, type Health } from "./health";
import type { Layer } from "./heat";

export type Kind = "gradients" | "parameters";

export const KINDS: readonly Kind[] = ["gradients", "parameters"];

const KEYS_PER_REQUEST = 400;
const PAGE = 1000;

interface Held {
  name: string;
  order: number;
  steps: number[];
  stats: Stats[];
}

export class Records {
  /** Records that are here, and how many there are. */
  here = 0;
  total = 0;
  private readonly held: Record<Kind, Map<string, Held>> = { gradients: new Map(), parameters: new Map() };

  constructor(
    private readonly run: string,
    private readonly ask: (query: MediaQuery) => Promise<MediaPage>,
  ) {}

  /** Fetches what is new; `heard` is told after every page. */
  async load(keys: readonly MediaKey[], heard: () => void): Promise<void> {
    const wanted = keys.filter((key) => isWatched(key));
    this.total = wanted.reduce((sum, key) => sum + key.count, 0);
    for (const key of wanted) this.keep(key);
    // Layers that are as far as each other are asked for together.
    const groups = new Map<number | null, string[]>();
    for (const { key, last_step: last, count } of wanted) {
      const { steps } = this.find(key);
      const from = steps.length > 0 ? steps[steps.length - 1] : null;
      if (from === null || from < last || steps.length < count) groups.set(from, [...(groups.get(from) ?? []), key]);
    }
    for (const [lo, names] of groups) {
      for (let i = 0; i < names.length; i += KEYS_PER_REQUEST) await this.fetch(names.slice(i, i + KEYS_PER_REQUEST), lo, heard);
    }
  }

  private async fetch(keys: string[], lo: number | null, heard: () => void): Promise<void> {
    let cursor: string | null = null;
    // A step may have several records; those that are here come first, as they came first.
    const known = new Map(keys.map((key) => [key, this.find(key).steps.filter((step) => step === lo).length]));
    do {
      const query: MediaQuery = { runs: [this.run], keys, limit: PAGE, meta: ["stats"], ...(lo === null ? {} : { lo }), ...(cursor === null ? {} : { cursor }) };
      const page: MediaPage = await this.ask(query);
      for (const { key, step, items } of page.entries) {
        const again = known.get(key) ?? 0;
        if (step === lo && again > 0) {
          known.set(key, again - 1);
          continue;
        }
        const stats = items[0]?.meta.stats;
        const held = this.find(key);
        held.steps.push(step);
        held.stats.push(typeof stats === "object" && stats !== null && !Array.isArray(stats) ? (stats as Stats) : {});
        this.here++;
      }
      cursor = page.cursor;
      heard();
    } while (cursor !== null);
  }

  private keep({ key, order }: MediaKey): void {
    const kind = kindOf(key);
    if (!this.held[kind].has(key)) this.held[kind].set(key, { name: key.slice(kind.length + 1), order, steps: [], stats: [] });
  }

  private find(key: string): Held {
    return this.held[kindOf(key)].get(key) as Held;
  }

  has(kind: Kind): boolean {
    return this.held[kind].size > 0;
  }

  /** The layers of a kind in the model's order, judged, with the first steps of what befell them. */
  layers(kind: Kind): JudgedLayer[] {
    const sorted = [...this.held[kind]].sort((a, b) => a[1].order - b[1].order);
    const found = diagnose(new Map(sorted.map(([key, h]) => [key, h.steps.map((step, i) => [step, h.stats[i]] as const)])), kind === "gradients");
    return sorted.map(([key, { name, steps, stats }]) => {
      const { states, first } = found.get(key) as { states: Health[]; first: Partial<Record<Health, number>> };
      return { key, name, steps, stats, states, first };
    });
  }
}

export interface JudgedLayer extends Layer {
  first: Partial<Record<Health, number>>;
}

function kindOf(key: string): Kind {
  return key.startsWith("parameters/") ? "parameters" : "gradients";
}

/** What is wrong with a layer, worst first; empty when it is well. */
export function troubles(first: Partial<Record<Health, number>>): { state: Health; step: number }[] {
  const order: readonly Health[] = ["nan", "inf", "exploding", "dead", "vanishing"];
  return order.flatMap((state) => (first[state] === undefined ? [] : [{ state, step: first[state] }]));
}
