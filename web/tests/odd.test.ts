/** Law: what an address says and the page cannot use is told with what could be; what it can use is not. */
import { describe, expect, it } from "vitest";
import { oddColumns, oddParameters, unknownColumns } from "../src/core/odd";
import { defaultView, parseView } from "../src/core/url";
import type { ProjectKeys } from "../src/core/wire";

const keys = { metrics: [{ key: "loss", runs: 1 }, { key: "top-1 %", runs: 1 }], config: [{ key: "lr", runs: 1, kind: "number" }, { key: "optim.name", runs: 1, kind: "text" }], summary: [{ key: "note", runs: 1, kind: "text" }], tags: [{ key: "team", runs: 1, kind: "text" }], view: null, columns: [], axes: {} } as unknown as ProjectKeys;

describe("parameters of an address", () => {
  it.each(["", "q=a+%3D%3D+1&sort=-last(loss)&cols=a,b&pin=2&w=120~a,80~b", "z=1,2&sm=ema:0.6&x=m:loss&xl=1&yl=a,b&band=std", "line=3&v=mine&spread=range&differ=1", "sm=&z=&x=", "sm=ema:0", "top=never&hide=b&po=c&so=d&fold=e&clip=f&full=g&sel=h", "add=lines:a|b,heat:c", "x=step", "pin=0"])("that can be used are not odd: %s", (query) => {
    expect(oddParameters(query, true)).toEqual([]);
  });

  it.each([["z=5,1", "two numbers"], ["z=5", "two numbers"], ["sm=0.6", "ema:0.6"], ["sm=ema:7", "between 0 and 1"], ["x=purple", "m: and the key"], ["band=wide", "range, std"], ["line=x", "a number"], ["pin=x", "pin"], ["cols=a&pin=5", "at most"], ["w=a~b", "pixels~column"], ["spread=std", "only range"], ["differ=2", "only be 1"], ["group=a,b,c,d,e", "more than 4"], ["sort=a,b,c,d,e,f,g,h,i", "more than 8"], ["add=nonsense", "lines:train/*"], ["columns=a", "nothing that this page knows"]])("that cannot are told: %s", (query, expected) => {
    const found = oddParameters(query, true);
    expect(found).toHaveLength(1);
    expect(found[0].why).toContain(expected);
    expect(query).toContain(found[0].given);
  });

  it("of other pages are theirs, and long ones are cut", () => {
    expect(oddParameters("file=a&z=1", false).map((o) => o.given)).toEqual(["z=1"]);
    expect(oddParameters(`z=${"9".repeat(500)}`, true)[0].given.length).toBeLessThan(70);
  });
});

describe("columns of an address", () => {
  it("are known when a run has them, or something inside of them", () => {
    const view = parseView('cols=config.lr,config.optim,config.optim.name,last(loss),spark(loss),at(loss@5),count("top-1 %"),summary.note,summary.loss,tags.team,created,findings&sort=-config.lr,name,-exit_code&group=state,config.lr');
    expect(unknownColumns(view, keys)).toEqual([]);
    expect(unknownColumns(defaultView(), keys)).toEqual([]);
  });

  it("are told when none has, wherever they stand", () => {
    const view = parseView("cols=config.nope,last(lost),median(loss),tags.nobody,nonsense,config.lr&sort=-config.nope,min(gone)&group=summary.x");
    expect(unknownColumns(view, keys)).toEqual(["config.nope", "last(lost)", "median(loss)", "tags.nobody", "nonsense", "min(gone)", "summary.x"]);
    expect(oddColumns(["a"])[0].given).toBe("a");
    expect(oddColumns(["a", "b", "c", "d", "e"])[0].given).toBe("a, b, c and 2 more");
    expect(oddColumns([])).toEqual([]);
  });
});
