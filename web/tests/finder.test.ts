/** What can be gone to and done by name. */
import { describe, expect, it } from "vitest";
import { chartPath, fitting, places, runsWhere } from "../src/core/finder/entries";
import { parseRoute } from "../src/core/route";

describe("the finder", () => {
  it("knows the places around a page", () => {
    const titles = (path: string) => places(parseRoute(path)).map(([title]) => title);
    expect(titles("/")).toEqual(["Projects", "Models", "Keys of this server"]);
    expect(titles("/p/nets")).toEqual(["Runs and charts", "Runs at full width", "Compare", "Sweeps", "Artifacts", "Reports", "Pipelines", "Projects", "Models", "Keys of this server"]);
    expect(places(parseRoute("/p/@team/a%2Fb/r/x"))).toContainEqual(["This run: logs", "/p/@team/a%2Fb/r/x/logs"]);
  });

  it("opens a chart where the visitor is", () => {
    expect(chartPath(parseRoute("/p/nets/runs"), "a/b &c")).toBe("/p/nets?full=a%2Fb%20%26c");
    expect(chartPath(parseRoute("/p/nets/r/x"), "loss")).toBe("/p/nets/r/x/charts?full=loss");
    expect(chartPath(parseRoute("/p/nets/r/x"), "system/cpu")).toBe("/p/nets/r/x/system?full=system%2Fcpu");
    expect(chartPath(parseRoute("/"), "loss")).toBeNull();
  });

  it("asks for runs by a part of their name, quoted", () => {
    expect(runsWhere("  ")).toBeUndefined();
    expect(runsWhere(' a"b ')).toBe('name like "*a\\"b*" or id like "*a\\"b*"');
  });

  it("takes what has every word, what begins with the first one ahead", () => {
    const entries = ["validation loss", "loss of validation", "other"].map((title) => ({ title }));
    expect(fitting(entries, "LOSS val", 5).map((entry) => entry.title)).toEqual(["loss of validation", "validation loss"]);
    expect(fitting(entries, "", 2)).toHaveLength(2);
  });
});
