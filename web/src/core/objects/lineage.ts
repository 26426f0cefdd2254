/** The lineage of an artifact as boxes and lines, most boxes leading to a page. Pure. */
import { artifactPath, modelsPath } from "../route";
import type { LineageGraph, LineageNode } from "./wire";

export interface LineageBox {
  id: string;
  title: string;
  lines: string[];
  tone: "plain" | "root" | "run" | "model" | "gone";
  href?: string;
  /** Of a run: its page is known once the run is asked for. */
  uid?: string;
}

/** What a line says when it says nothing special. */
const PLAIN_ROLES = new Set(["", "made", "linked", "input", "used"]);
const GOOD = new Set(["", "committed", "ready", "finished"]);

/** @param home `entity/project`: what lies there is called by its short name */
export function drawnLineage(graph: LineageGraph, home: string): { boxes: LineageBox[]; edges: { source: string; target: string; label?: string }[] } {
  const boxes = graph.nodes.map((node): LineageBox => {
    const gone = node.state === "deleted";
    const kind = node.kind === "version" ? node.type : node.kind;
    const tone = node.id === graph.root ? "root" : gone ? "gone" : node.kind === "version" ? "plain" : node.kind;
    const href = gone ? undefined : addressOf(node);
    return {
      id: node.id,
      title: node.label.startsWith(`${home}/`) ? node.label.slice(home.length + 1) : node.label,
      lines: [GOOD.has(node.state) ? kind : `${kind} · ${node.state}`],
      tone,
      ...(href === undefined ? {} : { href }),
      ...(node.kind === "run" && !gone ? { uid: node.uid } : {}),
    };
  });
  return { boxes, edges: graph.edges.map(({ source, target, role }) => ({ source, target, ...(PLAIN_ROLES.has(role) ? {} : { label: role }) })) };
}

/** A version is named `entity/project/name:v3`, where a project may hold "/"; a model's id is `model:entity/name/3`. */
export function addressOf(node: Pick<LineageNode, "id" | "kind" | "name">): string | undefined {
  const parts = (node.kind === "model" ? node.id.slice("model:".length) : node.name).split("/");
  if (node.kind === "run" || parts.length < 3) return undefined;
  const [entity] = parts;
  const last = parts[parts.length - 1];
  const middle = parts.slice(1, -1).join("/");
  if (node.kind === "model") return modelsPath(entity, middle);
  const [name, version] = last.split(":");
  return artifactPath(entity, middle, name, version || undefined);
}
