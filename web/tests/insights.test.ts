/** Law: a finding leads to the tab, the chart and the steps that show it. */
import { describe, expect, it } from "vitest";
import { bodyOf, type Draft } from "../src/core/insights/alert";
import { addressOf, KINDS, MEANING, shown, stepsText, type Insight } from "../src/core/insight";

const spike: Insight = { kind: "spike", severity: "warning", title: "", text: "", key: "train/loss & more", lo: 100, hi: 200, place: "charts", numbers: {} };

describe("a new rule", () => {
  it("is a webhook or a mail by what was typed, with what its kind needs and no more", () => {
    const draft: Draft = { when: "failed", target: " https://chat.example/x ", key: "loss", bound: "below", value: "0.5", minutes: "7" };
    expect(bodyOf(draft)).toEqual({ when: "failed", webhook: "https://chat.example/x" });
    expect(bodyOf({ ...draft, when: "stalled", target: "ada@example.org" })).toEqual({ when: "stalled", email: "ada@example.org", minutes: 7 });
    expect(bodyOf({ ...draft, when: "threshold", target: "a@b" })).toEqual({ when: "threshold", email: "a@b", key: "loss", below: 0.5 });
  });
});

describe("the address of a finding", () => {
  it("names the chart, and the steps with some room", () => {
    expect(addressOf(spike, "local", "p", "r")).toBe("/p/p/r/r/charts?pf=train%2Floss+%26+more&z=75%2C225");
    expect(addressOf({ ...spike, lo: 0, hi: 0 }, "local", "p", "r")).toContain("z=0%2C5");
  });

  it("names a layer, a chart of the machine over its own time, or only the page", () => {
    expect(addressOf({ ...spike, place: "gradients", key: "gradients/fc.weight" }, "local", "p", "r")).toBe("/p/p/r/r/gradients?layer=fc.weight");
    expect(addressOf({ ...spike, place: "system", key: "system/gpu.0.utilization" }, "a", "p", "r")).toBe("/p/@a/p/r/r/system?pf=system%2Fgpu.0.utilization");
    expect(addressOf({ ...spike, place: "overview" }, "local", "p", "r")).toBe("/p/p/r/r");
  });

  it("tells the steps as people read them", () => {
    expect(shown("NaN from step 1,234,567, 0.5 of 1,2")).toBe("NaN from step 1\u202f234\u202f567, 0.5 of 1,2");
    expect(stepsText(spike)).toBe("steps 100 – 200");
    expect(stepsText({ ...spike, hi: 100 })).toBe("step 100");
    expect(stepsText({ ...spike, lo: null })).toBe("");
  });

  it("has a meaning for each kind", () => {
    expect(Object.keys(MEANING)).toEqual([...KINDS]);
  });
});
