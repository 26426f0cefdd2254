/** What a run shows by itself, as `GET /runs/{uid}/insights` tells it, and where each finding is to be seen. */
import { formatCount } from "./format";
import { runPath } from "./route";

/** In the order of `epochal/domain/insight.py`. */
export const KINDS = ["nan", "inf", "stall", "spike", "plateau", "overfit", "layer", "input", "idle", "differs"] as const;
export type Kind = (typeof KINDS)[number];

export const MEANING: Record<Kind, string> = {
  nan: "The first series that became NaN",
  inf: "The first infinite value",
  stall: "A run that goes on and logs nothing",
  spike: "A loss that jumped far above what it did before",
  plateau: "A loss that does not fall any more",
  overfit: "A held-out series that turned while training goes on",
  layer: "Layers whose gradients are dead, exploding or no numbers",
  input: "Steps that wait for their data",
  idle: "GPUs that are seldom busy",
  differs: "A config key in which the run stands alone in its group",
};

export interface Insight {
  kind: Kind;
  severity: "error" | "warning" | "info";
  title: string;
  text: string;
  key: string;
  lo: number | null;
  hi: number | null;
  place: "overview" | "charts" | "system" | "gradients";
  numbers: { [name: string]: number };
}

export interface InsightReport {
  insights: Insight[];
  /** Kinds that are switched off in the project. */
  off: Kind[];
  /** Kinds that are switched off for this run. */
  off_here: Kind[];
}

export const TONES = { error: { sign: "✗", chip: "fail" }, warning: { sign: "!", chip: "warn" }, info: { sign: "·", chip: "" } } as const;

const MARGIN = 0.25;

/** The address at which a finding is to be seen: its tab, its chart, and the steps with some room around them. */
export function addressOf(insight: Insight, entity: string, project: string, run: string): string {
  const path = runPath(entity, project, run, insight.place);
  if (insight.place === "overview") return path;
  const query = new URLSearchParams();
  if (insight.place === "gradients") query.set("layer", insight.key.replace(/^gradients\//, ""));
  else query.set("pf", insight.key);
  if (insight.place === "charts" && insight.lo !== null && insight.hi !== null) {
    const room = Math.max(5, Math.ceil((insight.hi - insight.lo) * MARGIN));
    query.set("z", `${Math.max(0, insight.lo - room)},${insight.hi + room}`);
  }
  return `${path}?${query.toString()}`;
}

/** A sentence of the server's with its thousands set apart like all others on the page. */
export function shown(text: string): string {
  return text.replace(/(\d),(?=\d{3})/g, "$1\u202f");
}

/** `steps 1,200 – 1,300`, or nothing for what concerns the whole run. */
export function stepsText(insight: Insight): string {
  if (insight.lo === null) return "";
  if (insight.hi === null || insight.hi === insight.lo) return `step ${formatCount(insight.lo)}`;
  return `steps ${formatCount(insight.lo)} – ${formatCount(insight.hi)}`;
}
