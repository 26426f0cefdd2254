/** Law: an embed's address gives the same panel back, tells what it lacks, and markup that is copied holds no markup of a user. */
import { expect, test } from "vitest";
import { frameOf, fullAddress, oddOfRun, panelAddress, readPanel } from "../src/core/reports/embed";
import { parseRoute } from "../src/core/route";

const panel = (lines: string, project = "mnist", entity = "local", report = "") => ({ entity, project, report, lines });
const read = (address: string) => readPanel(address.slice(address.indexOf("?")));

test("an address gives the panel back that it was written of", () => {
  for (const lines of [
    "panel: lines:train/loss",
    "panel: lines:a|b\ntitle: Two & more\nwhere: config.lr > 0.01 and name == \"x\"\nruns: r1, r%2C2\nx: m:epoch\nrange: 0,500\nsmooth: ema:0.6\nlog: xy",
    "panel: scatter:config.lr;last(val/acc);config.model",
    'panel: lines:"><img src=x>',
  ]) {
    expect(read(panelAddress(panel(lines, "a b/c", "team")))).toEqual(panel(lines, "a b/c", "team"));
  }
  expect(read(panelAddress(panel("panel: media:x\nfrozen: 00ff", "p", "local", "why")))).toEqual(panel("panel: media:x\nfrozen: 00ff", "p", "local", "why"));
});

test("an address that says too little, or what nobody knows, is told with what it should say", () => {
  expect(readPanel("")).toContain("names no project");
  expect(readPanel("?project=a")).toContain("names no panel");
  expect(readPanel("?project=a&pannel=lines:x")).toContain("“pannel”");
  expect(readPanel("?project=a&panel=lines:x&frozen=00")).toContain("report=NAME");
  expect(oddOfRun("abc", "")).toContain("/embed/run/abc?project=");
  expect(oddOfRun("abc", "?project=p&theme=dark&keys=loss")).toBe("");
  expect(oddOfRun("abc", "?project=p&key=loss")).toContain("“key”");
  expect(oddOfRun("0123456789abcdef0123456789abcdef", "")).toBe("");
});

test("what is shown on all of the screen is the same", () => {
  expect(fullAddress(panel("panel: lines:train/loss\nwhere: config.lr > 1\nlog: y\nsmooth: ema:0.6"))).toBe("/p/mnist?q=config.lr+%3E+1&yl=train/loss&sm=ema:0.6&full=train/loss");
  expect(fullAddress(panel("panel: lines:a|b\nruns: r1, r2"))).toBe("/p/mnist?sel=r1,r2&add=lines:a%7Cb&full=lines:a%7Cb");
  expect(fullAddress(panel("panel: lines:loss\nruns: r%2C1"))).toBe("/p/mnist/r/r%2C1/charts?full=loss");
  expect(fullAddress(panel("panel: bar:loss\nview: best ones"))).toBe("/p/mnist?v=best%20ones");
});

test("a frame to copy has no markup of a user", () => {
  const frame = frameOf("http://h:1", panel('panel: lines:loss\ntitle: "><script>alert(1)</script>', `a"'<b>`));
  expect(frame.match(/</g)).toHaveLength(2);
  expect(frame.match(/"/g)).toHaveLength(12);
});

test("there are two kinds of embeds", () => {
  expect(parseRoute("/embed/panel")).toEqual({ page: "embed", run: null });
  expect(parseRoute("/embed/run/a%2Fb")).toEqual({ page: "embed", run: "a/b" });
  for (const path of ["/embed", "/embed/run", "/embed/panel/x", "/embed/run/a/b", "/embed/other"]) expect(parseRoute(path).page).toBe("missing");
});
