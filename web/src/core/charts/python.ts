/** What a panel shows as a program that reads it: docs/reading.md. Pure. */
import type { Want } from "../store";

/** A text as a literal of Python; JSON's spelling is one. */
const literal = (text: string): string => JSON.stringify(text);
const list = (items: readonly string[], indent = ""): string => (items.length === 1 ? `[${literal(items[0])}]` : `[\n${items.map((i) => `${indent}    ${literal(i)},\n`).join("")}${indent}]`);
const program = (origin: string, lines: readonly string[]): string => ["import epochal", "", `reader = epochal.connect(${literal(origin)})`, ...lines, ""].join("\n");

/** The exact points behind curves over their x axis; of a zoomed panel those in view, of formulas where x is the step. */
export function pythonOf({ series, x, range }: Want, origin = location.origin): string {
  const formulas = [...new Set(series.filter((id) => id.formula).map((id) => id.key))];
  const shown = series.filter((id) => !id.formula).map((id) => id.key);
  const [axis, own] = typeof x === "object" ? [x.metric, true] : [{ step: "step", wall: "time", relative: "seconds" }[x], false];
  const keys = [...new Set(own && shown.length > 0 ? [...shown, axis] : shown)];
  const within = range && (x === "wall" ? range.map((us) => literal(new Date(us / 1000).toISOString())) : x === "step" ? [Math.ceil(range[0]), Math.floor(range[1])] : range.map((at) => (own ? at : at / 1e6))).join(", ");
  return program(origin, [
    ...(keys.length > 0 ? [`keys = ${list(keys)}`, `x = ${literal(axis)}`] : []),
    ...(formulas.length > 0 ? [`formulas = ${list(formulas)}`] : []),
    `for uid in ${list([...new Set(series.flatMap((id) => id.runs ?? [id.run]))])}:`,
    "    run = reader.run(uid)",
    ...(keys.length > 0 ? [
      "    history = run.history([key for key in keys if key in run.metrics])  # every point, bit for bit",
      "    frame = history.to_pandas()",
      ...(x === "relative" ? ['    frame[x] = (frame["time"] - run.created).dt.total_seconds()'] : []),
      `    if x in frame:`,
      `        print(run.name, frame${within ? `[frame[x].between(${within})]` : ""}.set_index(x))`,
    ] : []),
    ...(formulas.length > 0 ? [
      "    for text in formulas:",
      "        points = run.formula(text)",
      ...(x === "step" && within ? [`        inside = (points.step >= ${within.replace(", ", ") & (points.step <= ")})`] : []),
      `        print(run.name, text, "step", points.step${x === "step" && within ? "[inside]" : ""}, "value", points.value${x === "step" && within ? "[inside]" : ""})`,
    ] : []),
  ]);
}

/** Runs of a project that a filter chooses. */
export interface Chosen {
  entity: string;
  project: string;
  where: string;
}

const chosen = ({ entity, project, where }: Chosen): string => `${literal(project)}, ${where.trim() ? `where=${literal(where.trim())}, ` : ""}entity=${literal(entity)}`;

/**
 * The columns of a table of runs.
 *
 * @param most only so many of the newest runs are shown
 * @param only uids of the runs, where they are not those of the filter
 * @param groups uids by the name of their group, where the first column's mean of each is shown
 */
export function pythonOfTable(runs: Chosen, columns: readonly string[], more: { most?: number; only?: readonly string[]; groups?: readonly (readonly [string, readonly string[]])[] } = {}, origin = location.origin): string {
  const { most, only, groups } = more;
  const names = [...new Set(columns)].filter((column) => column !== "name");
  const lines = [`runs = reader.runs(${chosen(runs)}${most === undefined ? "" : `, limit=${most}`}${only ? ", archived=True" : ""})`, `columns = ${list(names)}`, "frame = runs.to_pandas(columns=columns)"];
  if (only) lines.push(`frame = frame[frame["uid"].isin(${list(only)})]`);
  if (!groups) return program(origin, [...lines, 'print(frame[["name", *columns]])']);
  return program(origin, [
    ...lines,
    `groups = {\n${groups.map(([name, uids]) => `    ${literal(name)}: ${list(uids, "    ")},\n`).join("")}}`,
    "for name, uids in groups.items():",
    `    values = frame[frame["uid"].isin(uids)][${literal(columns[0])}].dropna().astype(float)`,
    '    values = values[values.abs() < float("inf")]',
    "    print(name, values.mean(), values.std(), len(values))",
  ]);
}

/** Which parameters matter for a result. */
export function pythonOfImportance(runs: Chosen, target: string, origin = location.origin): string {
  const { entity, project, where } = runs;
  return program(origin, [
    `report = reader.importance(${[target, project].map(literal).join(", ")}, ${where.trim() ? `where=${literal(where.trim())}, ` : ""}entity=${literal(entity)})`,
    "for parameter in report.parameters:",
    "    print(parameter.name, parameter.importance, parameter.error, parameter.correlation)",
  ]);
}

/** The histograms that some runs have logged under a key. */
export function pythonOfHistograms(runs: readonly string[], key: string, origin = location.origin): string {
  return program(origin, [
    `for uid in ${list(runs)}:`,
    "    run = reader.run(uid)",
    `    if any(entry.key == ${literal(key)} for entry in run.media_keys()):`,
    `        for histogram in run.media(${literal(key)}):`,
    "            print(run.name, histogram.step, histogram.to_pandas())",
  ]);
}

const READ_BY_PANDAS = new Set(["table", "histogram"]);
const OF_KIND: Readonly<Record<string, string>> = { image: "item.to_pil()", plot: "item.data().decode()", text: "item.data().decode()", markdown: "item.data().decode()" };

/**
 * The media of a key of some runs.
 *
 * @param at the step that is looked at; null for the newest
 */
export function pythonOfMedia(runs: readonly string[], key: string, kind: string, at: number | null, origin = location.origin): string {
  const shown = READ_BY_PANDAS.has(kind) ? "item.to_pandas()" : (OF_KIND[kind] ?? "item.meta");
  return program(origin, [
    `for uid in ${list(runs)}:`,
    "    run = reader.run(uid)",
    "    for entry in run.media_keys():",
    `        if entry.key == ${literal(key)}:`,
    `            for item in run.media(entry.key, at=${at ?? "entry.last_step"}):`,
    `                print(run.name, item.step, ${shown})`,
  ]);
}
