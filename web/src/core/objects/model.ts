/** What a saved model says of itself: its signature, its layers, its example. Reads the files of a model's directory. Pure. */
import { wireNumber } from "../format";
import type { Value } from "../wire";
import type { VersionRow } from "./wire";

type Json = { [key: string]: Value };
const isObject = (value: Value | undefined): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
const textOf = (value: Value | undefined): string => (typeof value === "string" ? value : "");

export interface ModelFacts {
  format: string;
  className: string;
  parameters: number | null;
  signature: Signature;
  versions: { [name: string]: string };
}

export interface Spec {
  name: string;
  /** dtype of a tensor, type of a column. */
  type: string;
  /** `[?, 3, 224, 224]`; empty for a column. */
  shape: string;
  note: string;
}

export interface Signature {
  inputs: Spec[];
  outputs: Spec[];
  params: Spec[];
}

/** What the artifact's metadata tells of a model; null when it holds none. */
export function modelFacts(version: Pick<VersionRow, "type" | "metadata">): ModelFacts | null {
  const model = version.metadata.model;
  if (!isObject(model)) return null;
  return factsOf(model);
}

/** What `model.json` in the directory of a model tells; null when it is none. */
export function describedFacts(text: string): ModelFacts | null {
  try {
    const model = JSON.parse(text) as Value;
    return isObject(model) && typeof model.kind === "string" ? factsOf({ ...model, format: model.kind, class: model.class_name }) : null;
  } catch {
    return null; // then the model is shown by its files alone
  }
}

function factsOf(model: Json): ModelFacts {
  const versions = isObject(model.versions) ? Object.fromEntries(Object.entries(model.versions).map(([k, v]) => [k, String(v)])) : {};
  return {
    format: textOf(model.format),
    className: textOf(model.class).replace(":", "."),
    parameters: wireNumber(model.parameters) ?? null,
    signature: readSignature(model.signature),
    versions,
  };
}

/** Reads a signature in MLflow's form: each part is JSON in a string. */
export function readSignature(value: Value | undefined): Signature {
  const part = (key: string): Spec[] => {
    const given = isObject(value) ? value[key] : null;
    try {
      const list = typeof given === "string" ? (JSON.parse(given) as Value) : given;
      return Array.isArray(list) ? list.filter(isObject).map(readSpec) : [];
    } catch {
      return []; // a signature that cannot be read is none
    }
  };
  return { inputs: part("inputs"), outputs: part("outputs"), params: part("params") };
}

function readSpec(item: Json): Spec {
  const tensor = item["tensor-spec"];
  const name = textOf(item.name);
  if (isObject(tensor)) return { name, type: textOf(tensor.dtype), shape: shapeText(tensor.shape), note: "" };
  const note = "default" in item ? `default ${JSON.stringify(item.default)}` : item.required === false || item.optional === true ? "optional" : "";
  return { name, type: textOf(item.type) || textOf(item.dtype), shape: Array.isArray(item.shape) ? shapeText(item.shape) : "", note };
}

function shapeText(shape: Value | undefined): string {
  return Array.isArray(shape) ? `[${shape.map((s) => (s === -1 ? "any" : String(s))).join(", ")}]` : "";
}

export interface Layer {
  /** Dotted; empty for the model itself. */
  name: string;
  kind: string;
  /** Names and shapes of its own parameters, or how it was configured. */
  detail: string;
  parameters: number;
  /** Parameters of it that take no gradient. */
  frozen: number;
}

/** Reads `summary.txt`: columns of fixed width under a header. Null when it is none. */
export function readSummary(text: string): Layer[] | null {
  const [head = "", , ...lines] = text.split("\n");
  const kindAt = head.indexOf("kind");
  const shapesAt = head.indexOf("shapes");
  if (!head.startsWith("layer") || kindAt < 0 || shapesAt < 0) return null;
  const layers: Layer[] = [];
  for (const line of lines) {
    if (line.trim() === "" || line.startsWith("... and ")) break;
    const [kind = "", count = ""] = line.slice(kindAt, shapesAt).trim().split(/\s+/);
    const name = line.slice(0, kindAt).trim();
    layers.push({ name: name === "(model)" ? "" : name, kind, detail: line.slice(shapesAt), parameters: Number(count.replaceAll(",", "")) || 0, frozen: 0 });
  }
  return layers;
}

/** Reads the plot of kind `modules` that `watch(log_graph=True)` logs. */
export function readModules(spec: Value | undefined): Layer[] | null {
  if (!isObject(spec) || !Array.isArray(spec.nodes)) return null;
  return spec.nodes.filter(isObject).map((node) => {
    const parameters = Array.isArray(node.parameters) ? node.parameters.filter(isObject) : [];
    const counts = parameters.map((p) => ({ count: wireNumber(p.count) ?? 0, frozen: p.trainable === false }));
    const shapes = parameters.map((p) => `${textOf(p.name)} ${shapeText(p.shape)}`).join(", ");
    return {
      name: textOf(node.name),
      kind: textOf(node.class),
      detail: textOf(node.detail) || shapes,
      parameters: counts.reduce((sum, p) => sum + p.count, 0),
      frozen: counts.reduce((sum, p) => sum + (p.frozen ? p.count : 0), 0),
    };
  });
}

export interface LayerRow extends Layer {
  depth: number;
  /** Last part of the name. */
  label: string;
  children: number;
  /** Parameters of the layer and all below it. */
  total: number;
}

/** Layers as the rows of a tree, in the order of the model. */
export function layerRows(layers: readonly Layer[], folded: ReadonlySet<string>, search = ""): LayerRow[] {
  const wanted = search.trim().toLowerCase();
  const names = new Set(layers.map((l) => l.name));
  const parentOf = (name: string): string | null => {
    for (let at = name.lastIndexOf("."); at > 0; at = name.lastIndexOf(".", at - 1)) if (names.has(name.slice(0, at))) return name.slice(0, at);
    return name !== "" && names.has("") ? "" : null;
  };
  const parents = new Map(layers.map((l) => [l.name, parentOf(l.name)]));
  const total = new Map(layers.map((l) => [l.name, l.parameters]));
  const children = new Map<string, number>();
  for (const layer of layers) {
    const parent = parents.get(layer.name) ?? null;
    if (parent !== null) children.set(parent, (children.get(parent) ?? 0) + 1);
    for (let above = parent; above !== null; above = parents.get(above) ?? null) total.set(above, (total.get(above) as number) + layer.parameters);
  }
  return layers.flatMap((layer) => {
    const above: string[] = [];
    for (let at = parents.get(layer.name) ?? null; at !== null; at = parents.get(at) ?? null) above.push(at);
    if (wanted === "" ? above.some((a) => folded.has(a)) : !`${layer.name} ${layer.kind}`.toLowerCase().includes(wanted)) return [];
    const parent = above[0] ?? "";
    const label = layer.name === "" ? "(model)" : parent !== "" && wanted === "" ? layer.name.slice(parent.length + 1) : layer.name;
    return [{ ...layer, depth: wanted === "" ? above.length : 0, label, children: children.get(layer.name) ?? 0, total: total.get(layer.name) as number }];
  });
}
