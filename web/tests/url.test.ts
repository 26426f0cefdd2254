/** Law: a view written to the address and read back is the same view; nonsense falls back to the default. */
import { describe, expect, it } from "vitest";
import { parseRoute, projectPath, runPath, sweepsPath } from "../src/core/route";
import { defaultView, formatView, parseView, type View } from "../src/core/url";

const view = (part: Partial<View>): View => ({ ...defaultView(), ...part });

describe("the view in the address", () => {
  it("is absent when nothing was changed", () => {
    expect(formatView(defaultView())).toBe("");
    expect(parseView("")).toEqual(defaultView());
  });

  it.each<Partial<View>>([
    { q: 'config.lr < 0.01 and "a+b & c=d" in tags' },
    { q: "100% ü #x" },
    { sort: ["-last(val/acc)"] },
    { sort: ["-last(a,b)", "config.x", "-name"] },
    { cols: ["a", "b"], pin: 1, w: { "config.a,b": 120, name: 300 } },
    { group: ["config.optim.name", 'config["a,b"]', "state"] },
    { cols: ["config.lr", "last(a,b)", "summary.a&b", "min(x y)"] },
    { cols: [] },
    { sel: ["a1", "b-2", "c.3"] },
    { sel: [] },
    { x: "wall" },
    { x: "relative" },
    { x: { metric: "train/epoch, all" } },
    { xl: "all", yl: ["train/loss", "a,b"] },
    { sm: 0.95 },
    { z: [1200, 3400.5] },
    { z: [1.7e15, 1.7000001e15] },
    { pf: "train/*|val+x" },
    { top: ["a,b", "val/loss"], hide: ["x%"], po: ["b", "a"], so: ["val", "train"], fold: ["system"] },
    { add: ["lines:train/*|val/loss", "formula:a + b, c", "scatter:x;y;"], clip: ["a"], full: "pinned:a", band: "std" },
  ])("comes back as it was: %j", (part) => {
    expect(parseView(formatView(view(part)))).toEqual(view(part));
  });

  it("ignores nonsense part by part", () => {
    expect(parseView("?z=5,1&sm=ema:7&x=purple&sort=&xl=")).toEqual(defaultView());
    expect(parseView("?z=1,&q=ok")).toEqual(view({ q: "ok" }));
    expect(parseView("?sel=%25E0%25A4%25A").sel).toEqual(["%E0%A4%A"]);
  });

  it("tells steps that were chosen from an axis that nobody chose", () => {
    expect([parseView("").x, parseView("?x=step").x, formatView(view({ x: "step" }))]).toEqual([null, "step", "?x=step"]);
  });

  it("is short enough to read", () => {
    expect(formatView(view({ x: { metric: "epoch" }, sm: 0.6, z: [0, 100], yl: "all" }))).toBe("?x=m:epoch&yl=1&sm=ema:0.6&z=0,100");
  });
});

describe("paths", () => {
  it.each([["local", "resnets"], ["local", "a/b c"], ["local", "@home"], ["local", "50% ü?#"], ["team a", "x"], ["t/1", "r"]])("of %s / %s come back", (entity, project) => {
    expect(parseRoute(projectPath(entity, project))).toEqual({ page: "workspace", entity, project, wide: false });
    expect(parseRoute(`${projectPath(entity, project)}/runs`)).toEqual({ page: "workspace", entity, project, wide: true });
    expect(parseRoute(sweepsPath(entity, project))).toEqual({ page: "sweeps", entity, project });
    expect(parseRoute(sweepsPath(entity, project, "3dir1ncb"))).toEqual({ page: "sweep", entity, project, sweep: "3dir1ncb" });
    expect(parseRoute(runPath(entity, project, "id.1", "logs"))).toEqual({ page: "run", entity, project, run: "id.1", tab: "logs" });
  });

  it("leave the default entity and tab out", () => {
    expect(runPath("local", "p", "r")).toBe("/p/p/r/r");
    expect(runPath("vision", "p", "r", "charts")).toBe("/p/@vision/p/r/r/charts");
  });

  it("that mean nothing are the missing page", () => {
    for (const path of ["/nope", "/p", "/p/x/y", "/p/x/r", "/p/x/r/1/purple", "/p/x/r/1/logs/more", "/p/%E0%A4%A"]) {
      expect(parseRoute(path).page, path).toBe("missing");
    }
    expect(parseRoute("/").page).toBe("projects");
  });
});
