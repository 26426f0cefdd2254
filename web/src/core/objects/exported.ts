/** The graph in the JSON of a torch.export program: operations, what flows between them, and the modules they came from. Pure. */
import type { Value } from "../wire";
import type { Graph, GraphNode } from "./graph";

type Json = { [key: string]: Value };
const isObject = (value: Value | undefined): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
const list = (value: Value | undefined): Json[] => (Array.isArray(value) ? value.filter(isObject) : []);

/** By the numbers of torch's schema. */
const DTYPES: Record<number, string> = {
  1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64", 9: "complex32", 10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16",
};

/** Throws an Error when it is no such program. */
export function readExported(program: Value): Graph {
  const graphModule = isObject(program) ? program.graph_module : undefined;
  const graph = isObject(graphModule) ? graphModule.graph : undefined;
  if (!isObject(graphModule) || !isObject(graph)) throw new Error("the exported program has a form that is not known here");
  const tensors = isObject(graph.tensor_values) ? graph.tensor_values : {};
  const nodes: GraphNode[] = [];
  const edges: Graph["edges"] = [];
  const maker = new Map<string, string>();
  for (const name of userInputs(graphModule.signature)) {
    nodes.push({ id: `in:${name}`, label: name, detail: shapeOf(tensors[name]), kind: "input", group: "" });
    maker.set(name, `in:${name}`);
  }
  list(graph.nodes).forEach((node, i) => {
    const id = String(i);
    const outputs = namesIn(node.outputs);
    nodes.push({ id, label: shortTarget(String(node.target)), detail: outputs[0] === undefined ? "" : shapeOf(tensors[outputs[0]]), kind: "op", group: moduleOf(node.metadata) });
    for (const name of new Set(namesIn(node.inputs))) {
      const source = maker.get(name);
      if (source !== undefined) edges.push({ source, target: id });
    }
    for (const name of outputs) maker.set(name, id);
  });
  namesIn(graph.outputs).forEach((name, i) => {
    nodes.push({ id: `out:${i}`, label: "output", detail: shapeOf(tensors[name]), kind: "output", group: "" });
    const source = maker.get(name);
    if (source !== undefined) edges.push({ source, target: `out:${i}` });
  });
  return { nodes, edges };
}

/** What the caller gives; weights and buffers are part of the modules. */
function userInputs(signature: Value | undefined): string[] {
  return list(isObject(signature) ? signature.input_specs : undefined).flatMap((spec) => namesIn(spec.user_input));
}

/** Names of all values in an argument, however it is nested. */
function namesIn(value: Value | undefined, depth = 0): string[] {
  if (depth > 12 || typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((v) => namesIn(v, depth + 1));
  return Object.entries(value).flatMap(([key, inner]) => {
    if (/^as_(tensor|sym_int|sym_float|sym_bool|custom_obj)$/.test(key) && isObject(inner)) return typeof inner.name === "string" ? [inner.name] : namesIn(inner, depth + 1);
    // Of an optional tensor or a list of them; a literal has no name.
    if (key === "name" && typeof inner === "string" && Object.keys(value).length === 1) return [inner];
    return key.startsWith("as_") || key === "arg" ? namesIn(inner, depth + 1) : [];
  });
}

/** `torch.ops.aten.conv2d.default` is a `conv2d`. */
function shortTarget(target: string): string {
  const parts = target.split(".");
  return target.startsWith("torch.ops.") && parts.length >= 4 ? parts[3] : (parts[parts.length - 1] ?? target);
}

/** The innermost module of the stack, with "/" between its parts. */
function moduleOf(metadata: Value | undefined): string {
  const stack = isObject(metadata) && typeof metadata.nn_module_stack === "string" ? metadata.nn_module_stack : "";
  const path = stack.slice(stack.lastIndexOf(";") + 1).split(",")[1] ?? "";
  return path.replace(/@\d+$/, "").split(".").filter(Boolean).join("/");
}

function shapeOf(tensor: Value | undefined): string {
  if (!isObject(tensor)) return "";
  const sizes = list(tensor.sizes).map((s) => ((typeof s.as_int === "number" ? String(s.as_int) : "any")));
  return `${DTYPES[Number(tensor.dtype)] ?? ""} [${sizes.join(", ")}]`.trim();
}
