/**
 * The graph of a model: operations and the values between them, grouped by the modules they belong to. Closed groups are
 * drawn as one box, so that any model opens as a picture of at most about 150 boxes. Pure.
 */

export interface GraphNode {
  id: string;
  /** What it does, such as `conv2d`. */
  label: string;
  /** Shape and dtype of what it gives, or other small print. */
  detail: string;
  kind: "input" | "output" | "parameter" | "op";
  /** Module it belongs to, as a path with "/"; empty for none. */
  group: string;
}

export interface Graph {
  nodes: GraphNode[];
  edges: { source: string; target: string }[];
}

export interface Box {
  id: string;
  label: string;
  detail: string;
  kind: GraphNode["kind"] | "group";
  /** Of a closed group: how many nodes it hides. */
  hidden: number;
}

export const MOST_BOXES = 150;

/** All groups, outer ones first. */
export function groupsOf(graph: Graph): string[] {
  const groups = new Set<string>();
  for (const { group } of graph.nodes) {
    for (let at = group.indexOf("/"); at >= 0; at = group.indexOf("/", at + 1)) groups.add(group.slice(0, at));
    if (group) groups.add(group);
  }
  return [...groups].sort((a, b) => a.split("/").length - b.split("/").length || (a < b ? -1 : 1));
}

/** The outermost closed group around a node, or null when it is to be seen. */
function shutGroup(group: string, open: ReadonlySet<string>): string | null {
  if (group === "") return null;
  for (let at = group.indexOf("/"); at >= 0; at = group.indexOf("/", at + 1)) if (!open.has(group.slice(0, at))) return group.slice(0, at);
  return open.has(group) ? null : group;
}

/** Opens groups from the outside in, as long as the picture stays small. */
export function firstOpen(graph: Graph, most = MOST_BOXES): Set<string> {
  const groups = groupsOf(graph);
  const parentOf = (group: string): string => (group.includes("/") ? group.slice(0, group.lastIndexOf("/")) : "");
  /** What stands right in a group: operations and groups. */
  const members = new Map<string, number>();
  for (const above of [...graph.nodes.map((n) => n.group), ...groups.map(parentOf)]) members.set(above, (members.get(above) ?? 0) + 1);
  const open = new Set<string>();
  let boxes = members.get("") ?? 0;
  for (const group of groups) {
    const more = (members.get(group) ?? 0) - 1;
    if ((parentOf(group) !== "" && !open.has(parentOf(group))) || boxes + more > most) continue;
    open.add(group);
    boxes += more;
  }
  return open;
}

/** What is drawn while these groups are open. */
export function boxesOf(graph: Graph, open: ReadonlySet<string>): { boxes: Box[]; edges: { source: string; target: string }[] } {
  const boxes = new Map<string, Box>();
  const members = new Map<string, GraphNode>();
  const home = new Map<string, string>();
  for (const node of graph.nodes) {
    const group = shutGroup(node.group, open);
    const id = group === null ? `n:${node.id}` : `g:${group}`;
    home.set(node.id, id);
    const box = boxes.get(id);
    members.set(id, node);
    if (box) box.hidden++;
    else if (group === null) boxes.set(id, { id, label: node.label, detail: node.detail, kind: node.kind, hidden: 0 });
    else boxes.set(id, { id, label: group.slice(group.lastIndexOf("/") + 1), detail: group, kind: "group", hidden: 1 });
  }
  // A box around a single operation would only hide its name.
  for (const box of boxes.values()) {
    const only = members.get(box.id);
    if (box.kind === "group" && box.hidden === 1 && only) Object.assign(box, { label: only.label, detail: only.detail, kind: only.kind, hidden: 0 });
  }
  const seen = new Set<string>();
  const edges: { source: string; target: string }[] = [];
  for (const { source, target } of graph.edges) {
    const [a, b] = [home.get(source), home.get(target)];
    if (a === undefined || b === undefined || a === b || seen.has(`${a}\0${b}`)) continue;
    seen.add(`${a}\0${b}`);
    edges.push({ source: a, target: b });
  }
  return { boxes: [...boxes.values()], edges };
}
