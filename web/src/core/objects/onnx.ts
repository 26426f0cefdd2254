/**
 * The graph of an ONNX file. Reads only what a picture needs: nodes, names, shapes; weights are skipped over. The numbers are
 * the fields of onnx.proto. Pure.
 */
import type { Graph, GraphNode } from "./graph";

/** Length-delimited fields and numbers of one protobuf message. */
class Message {
  constructor(
    private readonly bytes: Uint8Array,
    private readonly from: number,
    private readonly to: number,
  ) {}

  static of(bytes: Uint8Array): Message {
    return new Message(bytes, 0, bytes.length);
  }

  /** Calls back for each field: a message for what has a length, a number for what is one. */
  each(visit: (field: number, value: Message | number) => void): void {
    let at = this.from;
    const number = (): number => {
      let value = 0;
      for (let shift = 0; shift < 70; shift += 7) {
        if (at >= this.to) throw new Error("the ONNX file ends in the middle");
        const byte = this.bytes[at++];
        value += (byte & 127) * 2 ** shift;
        if (byte < 128) return value;
      }
      throw new Error("this is no ONNX file");
    };
    while (at < this.to) {
      const key = number();
      const [field, wire] = [Math.floor(key / 8), key % 8];
      if (wire === 0) visit(field, number());
      else if (wire === 1) at += 8;
      else if (wire === 5) at += 4;
      else if (wire === 2) {
        const length = number();
        if (at + length > this.to) throw new Error("the ONNX file ends in the middle");
        visit(field, new Message(this.bytes, at, at + length));
        at += length;
      } else throw new Error("this is no ONNX file");
    }
  }

  all(field: number): Message[] {
    const found: Message[] = [];
    this.each((f, value) => f === field && value instanceof Message && found.push(value));
    return found;
  }

  text(field: number): string {
    return this.all(field)[0]?.string() ?? "";
  }

  number(field: number): number | null {
    let found: number | null = null;
    this.each((f, value) => f === field && typeof value === "number" && (found = value));
    return found;
  }

  string(): string {
    return new TextDecoder().decode(this.bytes.subarray(this.from, this.to));
  }
}

const DTYPES = [
  "", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16", "float64", "uint32", "uint64", "complex64", "complex128", "bfloat16",
];
const GRAPH = 7;
const SCOPES = "pkg.torch.onnx.name_scopes";

/** Throws an Error when it is no ONNX file. */
export function readOnnx(bytes: Uint8Array): Graph {
  const graph = Message.of(bytes).all(GRAPH)[0];
  if (!graph) throw new Error("the ONNX file holds no graph");
  const weights = new Set(graph.all(5).map((tensor) => tensor.text(8)));
  const shapes = new Map([...graph.all(11), ...graph.all(12), ...graph.all(13)].map((info) => [info.text(1), shapeOf(info)]));
  const nodes: GraphNode[] = [];
  const edges: Graph["edges"] = [];
  const maker = new Map<string, string>();
  for (const info of graph.all(11)) {
    const name = info.text(1);
    if (weights.has(name)) continue;
    nodes.push({ id: `in:${name}`, label: name, detail: shapes.get(name) ?? "", kind: "input", group: "" });
    maker.set(name, `in:${name}`);
  }
  graph.all(1).forEach((node, i) => {
    const id = String(i);
    const outputs = node.all(2).map((m) => m.string());
    nodes.push({ id, label: node.text(4), detail: shapes.get(outputs[0] ?? "") ?? "", kind: "op", group: groupOf(node) });
    for (const name of new Set(node.all(1).map((m) => m.string()))) {
      const source = maker.get(name);
      if (source !== undefined) edges.push({ source, target: id });
    }
    for (const name of outputs) maker.set(name, id);
  });
  for (const info of graph.all(12)) {
    const name = info.text(1);
    nodes.push({ id: `out:${name}`, label: name, detail: shapes.get(name) ?? "", kind: "output", group: "" });
    const source = maker.get(name);
    if (source !== undefined) edges.push({ source, target: `out:${name}` });
  }
  return { nodes, edges };
}

/** The module a node came from: as torch's exporter notes it, else by the older exporter's names such as `/layer1/conv/Conv`. */
function groupOf(node: Message): string {
  const scopes = node.all(9).find((entry) => entry.text(1) === SCOPES)?.text(2);
  if (scopes !== undefined) {
    const names = [...scopes.matchAll(/'([^']*)'/g)].map((m) => m[1]);
    return (names[names.length - 2] ?? "").split(".").filter(Boolean).join("/");
  }
  const name = node.text(3);
  return name.startsWith("/") ? name.split("/").slice(1, -1).join("/") : "";
}

function shapeOf(info: Message): string {
  const tensor = info.all(2)[0]?.all(1)[0];
  if (!tensor) return "";
  const sizes = (tensor.all(2)[0]?.all(1) ?? []).map((dim) => dim.number(1) ?? (dim.text(2) || "?"));
  return `${DTYPES[tensor.number(1) ?? 0] ?? ""} [${sizes.join(", ")}]`.trim();
}
