/** Law: the text survives whole, colours become spans, anything else that looks like an escape is dropped. */
import { describe, expect, it } from "vitest";
import { parseAnsi, stripAnsi } from "../src/core/logs/ansi";

const ESC = "\x1b";

describe("console colours", () => {
  it("leave a plain line alone", () => {
    expect(parseAnsi("loss = 0.5 [m")).toEqual([{ text: "loss = 0.5 [m" }]);
    expect(parseAnsi("")).toEqual([]);
  });

  it("read the sixteen, the 256 and the 24-bit colours", () => {
    expect(parseAnsi(`${ESC}[31mred${ESC}[0m plain`)).toEqual([{ text: "red", fg: 1 }, { text: " plain" }]);
    expect(parseAnsi(`${ESC}[1;92;44mx`)).toEqual([{ text: "x", bold: true, fg: 10, bg: 4 }]);
    expect(parseAnsi(`${ESC}[38;5;196mx`)[0].fg).toBe("rgb(255,0,0)");
    expect(parseAnsi(`${ESC}[48;5;232mx`)[0].bg).toBe("rgb(8,8,8)");
    expect(parseAnsi(`${ESC}[38;5;3mx`)[0].fg).toBe(3);
    expect(parseAnsi(`${ESC}[38;2;1;2;3;1mx`)).toEqual([{ text: "x", fg: "rgb(1,2,3)", bold: true }]);
  });

  it("undo one property at a time", () => {
    const [a, b, c] = parseAnsi(`${ESC}[1;3;4;35ma${ESC}[22;39mb${ESC}[mc`);
    expect(a).toEqual({ text: "a", bold: true, italic: true, underline: true, fg: 5 });
    expect(b).toEqual({ text: "b", italic: true, underline: true });
    expect(c).toEqual({ text: "c" });
  });

  it("drop cursor movements, titles and malformed colours but no text", () => {
    const line = `a${ESC}[2Kb${ESC}]0;title\x07c${ESC}[38;5;999md${ESC}[38;2;300;0;0me${ESC}[?25lf`;
    expect(stripAnsi(line)).toBe("abcdef");
    expect(parseAnsi(line).map((s) => s.text).join("")).toBe("abcdef");
    expect(parseAnsi(line).every((s) => s.fg === undefined)).toBe(true);
  });

  it("stay text when they look like markup", () => {
    expect(parseAnsi("<img src=x onerror=alert(1)>")[0].text).toBe("<img src=x onerror=alert(1)>");
  });
});
