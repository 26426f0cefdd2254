/**
 * A layered layout of a directed graph: every edge leads to a later layer, neighbors are moved near each other, and an edge
 * over several layers gets bends so that it passes between the boxes. Cycles are laid out with one edge turned round.
 *
 * Promises: the same graph gives the same picture; time grows about linearly with nodes and edges. Pure.
 */

export interface LaidNode {
  id: string;
  width: number;
  height: number;
}

export interface LaidEdge {
  source: string;
  target: string;
}

export interface Layout {
  /** Top left corners. */
  nodes: Map<string, { x: number; y: number }>;
  /** Points of each edge, in the order of the edges given; none for an edge that leads to itself. */
  edges: { x: number; y: number }[][];
  width: number;
  height: number;
}

interface Cell {
  id: string | null;
  /** Extent across the layers, and position of the middle. */
  size: number;
  at: number;
  before: Cell[];
  after: Cell[];
  layer: number;
}

export interface LayoutOptions {
  /** `right`: layers from left to right; `down`: from top to bottom. */
  direction: "right" | "down";
  layerGap: number;
  nodeGap: number;
}

const SWEEPS = 8;

export function layOut(nodes: readonly LaidNode[], edges: readonly LaidEdge[], options: LayoutOptions): Layout {
  const across = (n: LaidNode): number => (options.direction === "right" ? n.height : n.width);
  const along = (n: LaidNode): number => (options.direction === "right" ? n.width : n.height);
  const known = new Map(nodes.map((n) => [n.id, n]));
  const real = edges.map((e) => (e.source !== e.target && known.has(e.source) && known.has(e.target) ? e : null));
  const turned = backEdges(nodes, real);
  const forward = real.map((e, i) => e && (turned.has(i) ? { source: e.target, target: e.source } : e));
  const layerOf = layersOf(nodes, forward);
  const cells = new Map<string, Cell>(nodes.map((n) => [n.id, { id: n.id, size: across(n), at: 0, before: [], after: [], layer: layerOf.get(n.id) ?? 0 }]));
  const layers: Cell[][] = [];
  for (const cell of cells.values()) (layers[cell.layer] ??= []).push(cell);
  for (let i = 0; i < layers.length; i++) layers[i] ??= [];
  const chains = forward.map((e) => e && chain(cells.get(e.source) as Cell, cells.get(e.target) as Cell, layers));
  order(layers);
  place(layers, options.nodeGap);
  const depth = layers.map((layer) => Math.max(0, ...layer.map((c) => (c.id === null ? 0 : along(known.get(c.id) as LaidNode)))));
  const start: number[] = [];
  for (let i = 0, x = 0; i < layers.length; i++) (start[i] = x), (x += depth[i] + options.layerGap);
  const low = Math.min(0, ...layers.flat().map((c) => c.at - c.size / 2));
  const point = (alongAt: number, acrossAt: number): { x: number; y: number } => (options.direction === "right" ? { x: alongAt, y: acrossAt - low } : { x: acrossAt - low, y: alongAt });
  const placed = new Map<string, { x: number; y: number }>();
  for (const cell of cells.values()) placed.set(cell.id as string, point(start[cell.layer], cell.at - cell.size / 2));
  const paths = chains.map((cellsOfEdge, i) => {
    if (!cellsOfEdge) return [];
    const points = cellsOfEdge.flatMap((cell, k) => {
      const own = cell.id === null ? depth[cell.layer] : along(known.get(cell.id) as LaidNode);
      if (k === 0) return [point(start[cell.layer] + own, cell.at)];
      if (k === cellsOfEdge.length - 1) return [point(start[cell.layer], cell.at)];
      return [point(start[cell.layer], cell.at), point(start[cell.layer] + own, cell.at)];
    });
    return turned.has(i) ? points.reverse() : points;
  });
  const end = layers.length === 0 ? 0 : start[layers.length - 1] + depth[layers.length - 1];
  const high = Math.max(0, ...layers.flat().map((c) => c.at + c.size / 2));
  const size = point(end, high);
  return { nodes: placed, edges: paths, width: size.x, height: size.y };
}

/** Indexes of the edges that close a cycle. */
function backEdges(nodes: readonly LaidNode[], edges: readonly (LaidEdge | null)[]): Set<number> {
  const out = new Map<string, number[]>(nodes.map((n) => [n.id, []]));
  edges.forEach((e, i) => e && out.get(e.source)?.push(i));
  const back = new Set<number>();
  const done = new Map<string, "open" | "done">();
  for (const { id } of nodes) {
    if (done.has(id)) continue;
    const stack: { id: string; next: number }[] = [{ id, next: 0 }];
    done.set(id, "open");
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      const edge = (out.get(top.id) as number[])[top.next++];
      if (edge === undefined) {
        done.set(top.id, "done");
        stack.pop();
        continue;
      }
      const target = (edges[edge] as LaidEdge).target;
      if (done.get(target) === "open") back.add(edge);
      else if (!done.has(target)) {
        done.set(target, "open");
        stack.push({ id: target, next: 0 });
      }
    }
  }
  return back;
}

/** The longest way from a source; sources then move as near to what they lead to as they can. */
function layersOf(nodes: readonly LaidNode[], edges: readonly (LaidEdge | null)[]): Map<string, number> {
  const out = new Map<string, string[]>(nodes.map((n) => [n.id, []]));
  const waiting = new Map<string, number>(nodes.map((n) => [n.id, 0]));
  for (const e of edges) {
    if (!e) continue;
    out.get(e.source)?.push(e.target);
    waiting.set(e.target, (waiting.get(e.target) as number) + 1);
  }
  const isSource = new Set([...waiting].filter(([, n]) => n === 0).map(([id]) => id));
  const layer = new Map<string, number>(nodes.map((n) => [n.id, 0]));
  const ready = [...isSource];
  for (let id = ready.shift(); id !== undefined; id = ready.shift()) {
    for (const target of out.get(id) as string[]) {
      layer.set(target, Math.max(layer.get(target) as number, (layer.get(id) as number) + 1));
      const left = (waiting.get(target) as number) - 1;
      waiting.set(target, left);
      if (left === 0) ready.push(target);
    }
  }
  for (const id of isSource) {
    const targets = out.get(id) as string[];
    if (targets.length > 0) layer.set(id, Math.min(...targets.map((t) => layer.get(t) as number)) - 1);
  }
  return layer;
}

function chain(source: Cell, target: Cell, layers: Cell[][]): Cell[] {
  const cells = [source];
  for (let layer = source.layer + 1; layer < target.layer; layer++) {
    const bend: Cell = { id: null, size: 4, at: 0, before: [], after: [], layer };
    layers[layer].push(bend);
    cells.push(bend);
  }
  cells.push(target);
  for (let i = 1; i < cells.length; i++) {
    cells[i - 1].after.push(cells[i]);
    cells[i].before.push(cells[i - 1]);
  }
  return cells;
}

const mean = (cells: readonly Cell[]): number => cells.reduce((sum, c) => sum + c.at, 0) / cells.length;

/** Neighbors near each other: the mean of the layer before, then of the one after, and so on. */
function order(layers: Cell[][]): void {
  for (const layer of layers) layer.forEach((c, i) => (c.at = i));
  const sort = (layer: Cell[], side: "before" | "after"): void => {
    const wish = new Map(layer.map((c) => [c, c[side].length > 0 ? mean(c[side]) : c.at]));
    layer.sort((a, b) => (wish.get(a) as number) - (wish.get(b) as number)).forEach((c, i) => (c.at = i));
  };
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (let i = 1; i < layers.length; i++) sort(layers[i], "before");
    for (let i = layers.length - 2; i >= 0; i--) sort(layers[i], "after");
  }
}

/** Positions across the layers: first packed, then drawn to their neighbors without passing each other. */
function place(layers: Cell[][], gap: number): void {
  for (const layer of layers) {
    let at = 0;
    for (const cell of layer) (cell.at = at + cell.size / 2), (at += cell.size + gap);
    const middle = (at - gap) / 2;
    for (const cell of layer) cell.at -= middle;
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (let i = 1; i < layers.length; i++) settle(layers[i], "before", gap);
    for (let i = layers.length - 2; i >= 0; i--) settle(layers[i], "after", gap);
  }
}

/** Each cell goes to the mean of its neighbors; where that is too narrow, a group of cells moves as one. */
function settle(layer: Cell[], side: "before" | "after", gap: number): void {
  const groups: { cells: Cell[]; wish: number; weight: number; size: number }[] = [];
  for (const cell of layer) {
    const neighbors = cell[side];
    let group = { cells: [cell], wish: neighbors.length > 0 ? mean(neighbors) : cell.at, weight: neighbors.length > 0 ? 1 : 0.1, size: cell.size };
    for (let last = groups.pop(); last; last = groups.pop()) {
      if (last.wish + last.size / 2 + gap <= group.wish - group.size / 2) {
        groups.push(last);
        break;
      }
      const size = last.size + gap + group.size;
      const weight = last.weight + group.weight;
      // The wishes of both, each for the middle of the whole.
      const left = last.wish + (size - last.size) / 2;
      const right = group.wish - (size - group.size) / 2;
      group = { cells: [...last.cells, ...group.cells], wish: (left * last.weight + right * group.weight) / weight, weight, size };
    }
    groups.push(group);
  }
  for (const group of groups) {
    let at = group.wish - group.size / 2;
    for (const cell of group.cells) (cell.at = at + cell.size / 2), (at += cell.size + gap);
  }
}

/** A line through points, with soft turns. */
export function linePath(points: readonly { x: number; y: number }[], direction: "right" | "down"): string {
  if (points.length === 0) return "";
  const n = (v: number): string => String(Math.round(v * 10) / 10);
  let path = `M${n(points[0].x)} ${n(points[0].y)}`;
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1], points[i]];
    const straight = direction === "right" ? Math.abs(a.y - b.y) < 0.5 : Math.abs(a.x - b.x) < 0.5;
    if (straight) path += `L${n(b.x)} ${n(b.y)}`;
    else if (direction === "right") path += `C${n((a.x + b.x) / 2)} ${n(a.y)} ${n((a.x + b.x) / 2)} ${n(b.y)} ${n(b.x)} ${n(b.y)}`;
    else path += `C${n(a.x)} ${n((a.y + b.y) / 2)} ${n(b.x)} ${n((a.y + b.y) / 2)} ${n(b.x)} ${n(b.y)}`;
  }
  return path;
}
