/** What another tracker's client said of a run, as the page shows it. Pure. */
import { formatNumber } from "../format";
import type { Value } from "../wire";

export interface Column {
  name: string;
  type: string;
}

const OWN = "mlflow.";
/** Shown elsewhere on the page, as the run's name. */
const SHOWN = "mlflow.runName";

/** Labels as a tree: the user's own, and those that MLflow's client sets by itself in a branch `by MLflow`, or another name if a tag has that one. */
export function labelTree(labels: { [name: string]: string }): { [key: string]: Value } {
  const named = Object.entries(labels).filter(([name]) => name !== SHOWN);
  const own = named.filter(([name]) => name.startsWith(OWN));
  const tree: { [key: string]: Value } = Object.fromEntries(named.filter(([name]) => !name.startsWith(OWN)));
  let branch = BY_MLFLOW;
  while (Object.hasOwn(tree, branch)) branch += "’s client";
  return own.length > 0 ? { ...tree, [branch]: Object.fromEntries(own) } : tree;
}

export const BY_MLFLOW = "by MLflow";

/** The columns of a schema in MLflow's JSON; null when it has another form. */
export function schemaColumns(schema: string): Column[] | null {
  const given = parsed(schema);
  if (!isMapping(given)) return null;
  const specs = given.mlflow_colspec;
  if (Array.isArray(specs)) return specs.map(columnOf);
  const tensors = given.mlflow_tensorspec;
  if (!isMapping(tensors)) return null;
  return Object.entries(tensors).flatMap(([part, text]) => {
    const spec = typeof text === "string" ? parsed(text) : text;
    return Array.isArray(spec) ? spec.map((one, i) => tensorOf(part, spec.length > 1 ? i : null, one)) : [];
  });
}

function columnOf(spec: Value): Column {
  if (!isMapping(spec)) return { name: String(spec), type: "" };
  return { name: String(spec.name ?? "–"), type: String(spec.type ?? "") + (spec.required === false ? ", optional" : "") };
}

function tensorOf(part: string, index: number | null, spec: Value): Column {
  if (!isMapping(spec)) return { name: part, type: "" };
  const tensor = isMapping(spec["tensor-spec"]) ? spec["tensor-spec"] : {};
  const name = typeof spec.name === "string" && spec.name !== "" ? `${part}.${spec.name}` : index === null ? part : `${part}.${index}`;
  const shape = Array.isArray(tensor.shape) ? ` (${tensor.shape.map((n) => (n === -1 ? "?" : String(n))).join(", ")})` : "";
  return { name, type: `${String(tensor.dtype ?? "")}${shape}` };
}

/** A text that is a JSON object as name and value; whatever else it is stands without a name. */
export function textPairs(text: string): [string, string][] {
  if (text === "") return [];
  const given = parsed(text);
  if (!isMapping(given)) return [["", text]];
  return Object.entries(given).map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]);
}

/** The text of a float as the page shows numbers. */
export function shownFloat(text: string): string {
  const value = /^-?inf$/.test(text) ? Number(text.replace("inf", "Infinity")) : Number(text);
  return formatNumber(value);
}

function parsed(text: string): Value | undefined {
  try {
    return JSON.parse(text) as Value;
  } catch {
    return undefined;
  }
}

function isMapping(value: Value | undefined): value is { [key: string]: Value } {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
