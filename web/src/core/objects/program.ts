/**
 * The graph of a saved model: out of its exported program (`program.pt2`, whose graph is JSON inside) or its ONNX file. Only
 * the needed parts of a large archive are fetched. Nothing of a model is run.
 */
import { api } from "../api";
import { versionFileUrl, type Place } from "./ask";
import { readExported } from "./exported";
import type { Graph } from "./graph";
import { readOnnx } from "./onnx";
import type { Manifest } from "./wire";
import { readMember, readMembers, type Reader } from "./zip";

const MOST_JSON = 24 * 1_048_576;
const MOST_ONNX = 64 * 1_048_576;
/** Names of the graph inside a program, by the releases of torch. */
const GRAPHS = /(^|\/)(models\/model\.json|serialized_exported_program\.json)$/;

/** Null when the model has no program. Throws an Error that says why it cannot be shown. */
export async function readProgram(place: Place, manifest: Manifest, signal: AbortSignal): Promise<Graph | null> {
  const paths = Object.keys(manifest.entries);
  const program = paths.find((p) => p.endsWith(".pt2"));
  const onnx = paths.find((p) => p.endsWith(".onnx"));
  if (program !== undefined) return readArchive(place, program, manifest.entries[program].size ?? 0, signal);
  if (onnx === undefined) return null;
  if ((manifest.entries[onnx].size ?? 0) > MOST_ONNX) throw new Error("the ONNX file is too large to be drawn");
  return readOnnx(new Uint8Array(await (await api.content(versionFileUrl(place, onnx), undefined, signal)).arrayBuffer()));
}

async function readArchive(place: Place, path: string, size: number, signal: AbortSignal): Promise<Graph> {
  const url = versionFileUrl(place, path);
  const read: Reader = async (from, to) => {
    if (from >= to) return new Uint8Array(0);
    const bytes = new Uint8Array(await (await api.content(url, [from, to - 1], signal)).arrayBuffer());
    // Whoever knows no ranges sends everything.
    return bytes.length > to - from ? bytes.subarray(from, to) : bytes;
  };
  const graph = (await readMembers(read, size)).find((m) => GRAPHS.test(m.name));
  if (!graph) throw new Error("the exported program holds no graph that is known here");
  return readExported(JSON.parse(new TextDecoder().decode(await readMember(read, graph, MOST_JSON))));
}
