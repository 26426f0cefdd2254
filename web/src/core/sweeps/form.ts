/** The form that makes a sweep, written as the YAML text that the server reads. Pure. */

export interface FormParameter {
  name: string;
  kind: "number" | "log" | "whole" | "choices" | "fixed";
  low: string;
  high: string;
  /** Separated by commas; of `fixed` the only one. */
  values: string;
}

export interface SweepForm {
  method: "bayes" | "random" | "grid";
  metric: string;
  goal: "minimize" | "maximize";
  cap: string;
  program: string;
  stopping: "" | "hyperband" | "asha" | "median" | "wilcoxon";
  parameters: FormParameter[];
}

export const emptyParameter = (): FormParameter => ({ name: "", kind: "number", low: "", high: "", values: "" });

export const KINDS: Record<FormParameter["kind"], string> = { number: "number", log: "number, logarithmic", whole: "whole number", choices: "one of", fixed: "always" };

/** A YAML scalar: quoted when it would be read as anything but this text. */
export function scalar(text: string): string {
  const plain = /^[A-Za-z_][\w./-]*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text);
  return plain ? text : JSON.stringify(text);
}

/** What somebody typed as one value: a number and a truth value stay that. */
export function typed(text: string): string {
  const word = text.trim();
  if (word !== "" && Number.isFinite(Number(word))) return numeric(word);
  return word === "true" || word === "false" || word === "null" ? word : scalar(word);
}

/** YAML 1.1 reads 1e-5 as a text; with a point it is a number. */
function numeric(word: string): string {
  const exponent = /^([+-]?\d+)(e[+-]?\d+)$/i.exec(word);
  if (!exponent) return word;
  const power = /^e\d/i.test(exponent[2]) ? `e+${exponent[2].slice(1)}` : exponent[2];
  return `${exponent[1]}.0${power}`;
}

const split = (values: string): string[] => values.split(",").map((v) => v.trim()).filter((v) => v !== "");

function parameterText(p: FormParameter): string {
  if (p.kind === "fixed") return `{value: ${typed(p.values)}}`;
  if (p.kind === "choices") return `{values: [${split(p.values).map(typed).join(", ")}]}`;
  const distribution = { number: "uniform", log: "log_uniform_values", whole: "int_uniform" }[p.kind];
  return `{distribution: ${distribution}, min: ${typed(p.low) || "null"}, max: ${typed(p.high) || "null"}}`;
}

/** The configuration as YAML; what is not filled in is left out, so that the server says what is missing. */
export function yamlOf(form: SweepForm): string {
  const lines = [`method: ${form.method}`];
  if (form.metric.trim()) lines.push(`metric: {name: ${scalar(form.metric.trim())}, goal: ${form.goal}}`);
  if (form.cap.trim()) lines.push(`run_cap: ${typed(form.cap)}`);
  if (form.program.trim()) lines.push(`program: ${scalar(form.program.trim())}`);
  if (form.stopping === "hyperband") lines.push("early_terminate: {type: hyperband, min_iter: 3}");
  else if (form.stopping) lines.push(`early_terminate: {type: ${form.stopping}}`);
  const named = form.parameters.filter((p) => p.name.trim() !== "");
  lines.push(named.length > 0 ? "parameters:" : "parameters: {}");
  for (const p of named) lines.push(`  ${scalar(p.name.trim())}: ${parameterText(p)}`);
  return `${lines.join("\n")}\n`;
}

/** The line that a refusal names, from 1; null when it names none. */
export function lineOf(message: string): number | null {
  const match = /\bline (\d+)/.exec(message);
  return match ? Number(match[1]) : null;
}
