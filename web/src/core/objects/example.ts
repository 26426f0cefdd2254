/** The input example beside a model, as it is shown: arrays with their first numbers, or JSON. */
import { api } from "../api";
import { formatNumber } from "../format";
import type { Value } from "../wire";
import { versionFileUrl, type Place } from "./ask";
import { readNpy } from "./npy";
import { readJson } from "./preview";
import type { Manifest } from "./wire";
import { readerOf, readMember, readMembers } from "./zip";

const MOST_BYTES = 16 * 1_048_576;
const MOST_VALUES = 12;

export interface ExampleArray {
  name: string;
  dtype: string;
  shape: string;
  values: string;
}

export type Example = { arrays: ExampleArray[] } | { json: { [key: string]: Value } } | { problem: string };

async function bytesOf(place: Place, path: string): Promise<Uint8Array> {
  return new Uint8Array(await (await api.content(versionFileUrl(place, path))).arrayBuffer());
}

/** Null when the model has none. `names` are those of the inputs, in order. */
export async function readExample(place: Place, manifest: Manifest, names: readonly string[]): Promise<Example | null> {
  for (const path of ["input_example.npz", "input_example.json"]) {
    const entry = manifest.entries[path];
    if (!entry) continue;
    if ((entry.size ?? 0) > MOST_BYTES) return { problem: "The example is too large to be shown; it lies in the files of the artifact." };
    const bytes = await bytesOf(place, path);
    if (path.endsWith(".npz")) return { arrays: await readArrays(bytes, names) };
    const json = readJson(new TextDecoder().decode(bytes));
    return json ? { json } : { problem: "The example cannot be read." };
  }
  return null;
}

async function readArrays(bytes: Uint8Array, names: readonly string[]): Promise<ExampleArray[]> {
  const read = readerOf(bytes);
  const arrays: ExampleArray[] = [];
  const members = await readMembers(read, bytes.length);
  for (const [i, member] of members.entries()) {
    const { dtype, shape, values } = readNpy(await readMember(read, member, MOST_BYTES), MOST_VALUES);
    const shown = values.map((v) => (typeof v === "number" ? formatNumber(v, 4) : String(v))).join(", ");
    const count = shape.reduce((product, size) => product * size, 1);
    arrays.push({ name: names[i] || (members.length === 1 ? "–" : member.name.replace(/\.npy$/, "")), dtype, shape: `[${shape.join(", ")}]`, values: count > values.length ? `${shown}, …` : shown });
  }
  return arrays;
}
