/** Law: every step is seen exactly once, however many there are, and an address is read back as what it was made of. */
import { describe, expect, it } from "vitest";
import { countText, glyphOfStep, pairRows, spanOf, ticksOf, unitsOf } from "../src/core/pipelines/units";
import type { PipelineStep, StepPair, StepState } from "../src/core/pipelines/wire";
import { parseRoute, pipelinePath, pipelinesPath } from "../src/core/route";

const step = (name: string, needs: string[] = [], state: StepState = "finished", started: number | null = 0, ended: number | null = 1): PipelineStep => ({
  name, needs, state, function: `m:${name}`, attempts: 1, called_us: 0, started_us: started, ended_us: ended, run: "", run_id: "", project: "p", error: "",
});
const fan = (name: string, count: number, needs: string[] = []): PipelineStep[] => Array.from({ length: count }, (_, i) => step(`${name}[${i}]`, needs));

describe("addresses", () => {
  it("of pipeline runs and steps are read back as what they were made of", () => {
    expect(parseRoute(pipelinesPath("team", "a/b"))).toEqual({ page: "pipelines", entity: "team", project: "a/b" });
    expect(parseRoute(pipelinePath("local", "p", "x1"))).toEqual({ page: "pipeline", entity: "local", project: "p", id: "x1", step: null });
    expect(parseRoute(pipelinePath("local", "p", "x1", "eval/é[3]"))).toEqual({ page: "pipeline", entity: "local", project: "p", id: "x1", step: "eval/é[3]" });
    for (const wrong of ["/p/x/pipelines/a/n", "/p/x/pipelines/a/m/s", "/p/x/pipelines/a/n/s/t"]) expect(parseRoute(wrong).page).toBe("missing");
  });
});

describe("units", () => {
  const steps = [step("load"), ...fan("evaluate", 200, ["load"]), step("best", fan("evaluate", 200).map((s) => s.name))];

  it("take a fan-out together, with what it needs and who needs it", () => {
    const units = unitsOf(steps, new Set());
    expect(units.map((u) => [u.id, u.steps.length, u.needs])).toEqual([["load", 1, []], ["evaluate[]", 200, ["load"]], ["best", 1, ["evaluate[]"]]]);
  });
  it("show the calls of an opened one, and every step once", () => {
    const units = unitsOf(steps, new Set(["evaluate[]"]), 1000);
    expect(units.length).toBe(202);
    expect(units.flatMap((u) => u.steps)).toEqual(steps);
  });
  it("leave a few calls alone", () => {
    expect(unitsOf(fan("f", 3), new Set()).length).toBe(3);
    expect(unitsOf(fan("f", 4), new Set()).length).toBe(1);
  });
  it("connect two fan-outs call by call with one edge", () => {
    const chained = [...fan("a", 5), ...Array.from({ length: 5 }, (_, i) => step(`b[${i}]`, [`a[${i}]`]))];
    expect(unitsOf(chained, new Set()).map((u) => u.needs)).toEqual([[], ["a[]"]]);
  });
  it("take the repeats of a loop together when there are too many to see", () => {
    const loop = Array.from({ length: 500 }, (_, i) => step(i === 0 ? "work" : `work_${i + 1}`, i === 0 ? [] : [i === 1 ? "work" : `work_${i}`]));
    expect(unitsOf(loop, new Set()).map((u) => [u.id, u.steps.length, u.needs])).toEqual([["work[]", 500, []]]);
    expect(unitsOf(loop.slice(0, 20), new Set()).length).toBe(20);
  });
  it("are called after what needs attention most", () => {
    const states: StepState[] = ["finished", "running", "cached", "waiting"];
    const mixed = states.map((state, i) => step(`s[${i}]`, [], state));
    expect(unitsOf(mixed, new Set())[0].state).toBe("running");
    expect(unitsOf([...mixed, step("s[4]", [], "failed")], new Set())[0].state).toBe("failed");
  });
  it("never take a step for the fan-out of the same name", () => {
    const both = [...fan("f", 5), step("f", ["f[0]"])];
    expect(unitsOf(both, new Set()).map((u) => [u.id, u.label, u.needs])).toEqual([["f[]", "f", []], ["f", "f", ["f[]"]]]);
  });
});

describe("rows of a comparison", () => {
  const pair = (name: string, reason: string): StepPair => ({ name, same: false, reasons: [reason], before: step(name), after: step(name), metrics: [] });
  it("take calls of one fan-out together that differ in the same way, and no others", () => {
    const pairs = [pair("f[0]", "x"), pair("f[1]", "x"), pair("f[2]", "y"), pair("g[0]", "y"), pair("h", "y")];
    expect(pairRows(pairs).map((row) => [row.name, row.pairs.length])).toEqual([["f[0] … f[1]", 2], ["f[2]", 1], ["g[0]", 1], ["h", 1]]);
  });
  it("leave calls with metrics alone", () => {
    const measured = { ...pair("f[1]", "x"), metrics: [{ name: "loss", before: 1, after: 2 }] };
    expect(pairRows([pair("f[0]", "x"), measured]).length).toBe(2);
  });
});

describe("times", () => {
  it("span from the first start to the last end, or to now", () => {
    expect(spanOf([step("a", [], "finished", 5, 9), step("b", [], "finished", 2, 4)], 100)).toEqual([2, 9]);
    expect(spanOf([step("a", [], "running", 5, null)], 100)).toEqual([5, 100]);
    expect(spanOf([step("a", [], "waiting", null, null)], 100)).toBeNull();
  });
  it("have round ticks within any length", () => {
    expect(ticksOf(9.5e6, 5)).toEqual([0, 2e6, 4e6, 6e6, 8e6]);
    for (const length of [1, 3700, 4e5, 7e7, 1e10, 4e12]) {
      const ticks = ticksOf(length, 6);
      expect(ticks.length).toBeGreaterThan(0);
      expect(ticks.length).toBeLessThanOrEqual(7);
      expect(ticks.at(-1)).toBeLessThanOrEqual(length);
    }
  });
});

describe("states", () => {
  it("have a sign each, and counts are in the order of a step's life", () => {
    const states: StepState[] = ["waiting", "running", "cached", "finished", "failed", "crashed", "killed", "skipped"];
    expect(new Set(states.map((s) => glyphOfStep(s).sign)).size).toBe(states.length);
    expect(countText({ failed: 1, finished: 12, cached: 3 })).toBe("3 ↺  12 ✓  1 ✗");
  });
});
