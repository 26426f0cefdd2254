import { describe, expect, it } from "vitest";
import { emptyParameter, lineOf, scalar, typed, yamlOf, type SweepForm } from "../src/core/sweeps/form";
import { farOff, joined, lanes, originText, spreadOf, staircase, wantsLog } from "../src/core/sweeps/search";
import { agentSnippets, beginSnippets } from "../src/core/sweeps/snippet";
import { surface } from "../src/core/sweeps/surface";
import type { SweepDetail, SweepRow, TrialRow, TrialStatus } from "../src/core/sweeps/wire";

const trial = (number: number, value: number | null, more: Partial<TrialRow> = {}): TrialRow => ({
  number, value, state: "finished" as TrialStatus, params: {}, run: `s-${number}`, uid: String(number), agent: "a", attempt: 1, origin: "search", outcomes: null, iterations: 0, note: "",
  started_us: number * 10, seen_us: number * 10 + 5, ended_us: number * 10 + 5, ...more,
});
const detail = (trials: TrialRow[], rev = 1): SweepDetail => ({ sweep: {} as SweepRow, config: {}, trials, agents: [{ id: "a", sweep: "s", host: "box", pid: 7, trials: 1, created_us: 0, seen_us: 0 }], rev, parameters: [], front: [] });

describe("a search", () => {
  it("puts what changed onto what was known", () => {
    const found = joined(detail([trial(0, 1), trial(1, null, { state: "running" })]), detail([trial(1, 2), trial(2, 3)], 5));
    expect(found.trials.map((t) => [t.number, t.value])).toEqual([[0, 1], [1, 2], [2, 3]]);
    expect(found.rev).toBe(5);
    expect(joined(null, detail([trial(3, 1)])).trials).toHaveLength(1);
  });

  it("knows which trials are so bad that they hide the others, and no good one among them", () => {
    const usual = Array.from({ length: 12 }, (_, i) => trial(i, 1 + i / 10));
    const bad = [trial(20, 1e20), trial(21, 4e5), trial(22, 1e-9)];
    expect([...farOff([...usual, ...bad], "minimize")]).toEqual([20, 21]);
    expect([...farOff([...usual, ...bad], "maximize")]).toEqual([22]);
    expect([...farOff([...usual, trial(20, -3), trial(21, 1e4)], "minimize")]).toEqual([21]);
    expect(farOff([...usual.slice(0, 4), ...bad], "minimize").size).toBe(0);
    expect(farOff([...usual.map((t) => ({ ...t, value: 2 })), trial(20, 3)], "minimize").size).toBe(0);
  });

  it("has a best value that only gets better, and only from trials that count", () => {
    const trials = [trial(0, 3), trial(1, 1, { state: "failed" }), trial(2, 2), trial(3, 2.5), trial(4, null)];
    expect(staircase(trials, "minimize").map((s) => s.value)).toEqual([3, 2]);
    expect(staircase(trials, "maximize").map((s) => s.value)).toEqual([3]);
  });

  it("says how much of the best was luck, and repeats are no progress", () => {
    const trials = [trial(0, 3), trial(1, 1, { origin: "repeat:0" }), trial(2, 2, { origin: "repeat:0" }), trial(3, 9, { origin: "repeat:7" })];
    expect(spreadOf(trials, 0)).toEqual({ runs: 2, mean: 1.5, deviation: Math.SQRT1_2 });
    expect(spreadOf(trials, 7)).toBeNull();
    expect(staircase(trials, "minimize").map((s) => s.value)).toEqual([3]);
    expect(["repeat:7", "queue", "earlier", "search"].map(originText)).toEqual(["trial 7 again", "asked for", "ran before the sweep", ""]);
  });

  it("draws logarithms only where they show more", () => {
    expect(wantsLog([1, 1.1, 1.2, 900])).toBe(false);
    expect(wantsLog([0.01, 0.5, 1, 30, 900])).toBe(true);
    expect(wantsLog([0, 0.5, 1, 30, 900])).toBe(false);
  });

  it("gives overlapping trials of one agent rows of their own", () => {
    const [lane] = lanes(detail([trial(0, 1, { ended_us: 25 }), trial(1, 1), trial(3, null, { state: "running", ended_us: null })]), 90);
    expect(lane).toMatchObject({ label: "box · 7", rows: 2 });
    expect(lane.spans.map((s) => [s.from, s.to, s.row])).toEqual([[0, 25, 0], [10, 15, 1], [30, 90, 0]]);
  });
});

describe("the form of a sweep", () => {
  const form = (part: Partial<SweepForm>): string => yamlOf({ method: "random", metric: "", goal: "minimize", cap: "", program: "", stopping: "", parameters: [], ...part });

  it("writes what the server reads, and leaves out what is not filled in", () => {
    const parameters = [
      { ...emptyParameter(), name: "lr", kind: "log" as const, low: "1e-5", high: "0.1" },
      { ...emptyParameter(), name: "opt", kind: "choices" as const, values: "sgd, adam, 3, true" },
      { ...emptyParameter(), name: "on", kind: "fixed" as const, values: "no" },
      emptyParameter(),
    ];
    expect(form({ metric: "val/loss", cap: "40", stopping: "hyperband", parameters })).toBe(
      [
        "method: random", "metric: {name: val/loss, goal: minimize}", "run_cap: 40", "early_terminate: {type: hyperband, min_iter: 3}", "parameters:",
        "  lr: {distribution: log_uniform_values, min: 1.0e-5, max: 0.1}", "  opt: {values: [sgd, adam, 3, true]}", '  "on": {value: "no"}', "",
      ].join("\n"),
    );
    expect(form({})).toBe("method: random\nparameters: {}\n");
  });

  it("keeps texts texts and numbers numbers", () => {
    expect([scalar("a b"), scalar("yes"), scalar("train.py"), scalar('q"')]).toEqual(['"a b"', '"yes"', "train.py", '"q\\""']);
    expect([typed("1e5"), typed("-2e-3"), typed("0.5"), typed("x: y")]).toEqual(["1.0e+5", "-2.0e-3", "0.5", '"x: y"']);
  });

  it("finds the line that a refusal names", () => {
    expect(lineOf("sweep configuration: line 5: parameters.lr: unknown key")).toBe(5);
    expect(lineOf("it has no method")).toBeNull();
  });
});

it("a surface goes through its points and never beyond them", () => {
  const found = surface([{ x: 0.05, y: 0.05, value: 1 }, { x: 0.95, y: 0.95, value: 3 }], 10, 10);
  expect(found?.values[9 * 10]).toBeCloseTo(1, 1);
  expect(found?.values[9]).toBeCloseTo(3, 1);
  expect(Math.min(...(found?.values ?? []))).toBeGreaterThanOrEqual(1);
  expect(surface([], 4, 4)).toBeNull();
});

it("the lines to write name the project and the sweep", () => {
  expect(beginSnippets('a "b"')[0].text).toContain('project="a \\"b\\""');
  expect(agentSnippets("3dir1ncb")[0].text).toBe("epochal sweep agent 3dir1ncb");
});
