/** Law: a million lines cost a few windows; growth, search and late answers never mix lines up. */
import { describe, expect, it } from "vitest";
import { LogWindow } from "../src/core/logs/window";
import type { LogLine, LogPage } from "../src/core/wire";

const line = (n: number): LogLine => ({ n, t_us: n, stream: "out", writer: "w", text: n % 10 === 3 ? `error ${n}` : `line ${n}` });

function server(total: number) {
  const asked: object[] = [];
  const state = { total };
  const fetch = async (w: { start?: number; limit?: number; tail?: number; search?: string }): Promise<LogPage> => {
    asked.push(w);
    const all = w.search ? Array.from({ length: state.total }, (_, n) => n).filter((n) => line(n).text.includes(w.search as string)) : null;
    // As the real one: `total` counts all lines and `start` is a line's number, also while searching.
    if (all) {
      const lines = all.filter((n) => n >= (w.start ?? 0)).slice(0, w.limit ?? 500).map(line);
      return { total: state.total, start: lines[0]?.n ?? w.start ?? 0, lines };
    }
    const start = w.tail !== undefined ? Math.max(0, state.total - w.tail) : (w.start ?? 0);
    const end = Math.min(state.total, start + (w.tail ?? w.limit ?? 500));
    return { total: state.total, start, lines: Array.from({ length: end - start }, (_, i) => line(start + i)) };
  };
  return { fetch, asked, state };
}

const settle = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await Promise.resolve();
};

describe("a log window", () => {
  it("knows all of few matches without another question, and says when there may be more", async () => {
    const { fetch } = server(2_000);
    const log = new LogWindow(fetch, () => undefined);
    expect(log.matches()).toBeNull();
    await log.sift({ search: "error 1" });
    expect(log.matches()).toEqual(Array.from({ length: 2_000 }, (_, n) => n).filter((n) => line(n).text.includes("error 1")));
    await log.sift({ search: "nothing like it" });
    expect(log.matches()).toEqual([]);
    const many = new LogWindow(server(100_000).fetch, () => undefined);
    await many.sift({ search: "error" });
    expect(many.matches()).toBeNull();
  });

  it("opens a million lines at their end with one question", async () => {
    const { fetch, asked } = server(1_000_000);
    const log = new LogWindow(fetch, () => undefined);
    await log.open();
    expect(log.total).toBe(1_000_000);
    expect(log.line(999_999)?.n).toBe(999_999);
    log.need(999_950, 1_000_000);
    expect(asked).toHaveLength(1);
  });

  it("loads what is looked at once and forgets what is far", async () => {
    const { fetch, asked } = server(1_000_000);
    const log = new LogWindow(fetch, () => undefined);
    await log.open();
    for (let row = 0; row < 100 * 500; row += 500) {
      log.need(row, row + 40);
      log.need(row, row + 40);
      await settle();
      expect(log.line(row + 39)?.n).toBe(row + 39);
    }
    expect(asked).toHaveLength(101);
    expect(log.line(0)).toBeUndefined();
  });

  it("fills the partly known last window when lines are added", async () => {
    const { fetch, state } = server(730);
    const log = new LogWindow(fetch, () => undefined);
    await log.open();
    state.total = 1900;
    await log.grow();
    log.need(700, 1900);
    await settle();
    for (let n = 700; n < 1900; n++) expect(log.line(n)?.n).toBe(n);
  });

  it("numbers matches from zero while searching and comes back to all lines", async () => {
    const { fetch } = server(1000);
    const log = new LogWindow(fetch, () => undefined);
    await log.open();
    await log.sift({ search: "error" });
    expect(log.total).toBe(100);
    expect(log.line(2)?.n).toBe(23);
    await log.sift({ search: "" });
    expect(log.total).toBe(1000);
    expect(log.line(999)?.n).toBe(999);
  });

  it("loads further matches as they are scrolled to", async () => {
    const { fetch } = server(12_000);
    const log = new LogWindow(fetch, () => undefined);
    await log.sift({ search: "error" });
    expect([log.total, log.more]).toEqual([500, true]);
    for (const expected of [1000, 1200]) {
      log.need(log.total - 20, log.total);
      await settle();
      expect(log.total).toBe(expected);
    }
    expect(log.more).toBe(false);
    for (let row = 0; row < 1200; row++) expect(log.line(row)?.n).toBe(row * 10 + 3);
  });

  it("knows the end when the last block of matches is full", async () => {
    const { fetch } = server(5000);
    const log = new LogWindow(fetch, () => undefined);
    await log.sift({ search: "error" });
    expect([log.total, log.more]).toEqual([500, true]);
    log.need(480, 500);
    await settle();
    expect([log.total, log.more]).toEqual([500, false]);
  });

  it("drops the answer to a question nobody asks any more", async () => {
    let release: (page: LogPage) => void = () => undefined;
    let first = true;
    const log = new LogWindow(
      (w) => {
        if (first && w.search === "slow") {
          first = false;
          return new Promise((resolve) => (release = resolve));
        }
        return Promise.resolve({ total: 1, start: 0, lines: [line(7)] });
      },
      () => undefined,
    );
    const slow = log.sift({ search: "slow" });
    await log.sift({ search: "quick" });
    release({ total: 99, start: 0, lines: [line(1)] });
    await slow;
    expect(log.total).toBe(1);
    expect(log.line(0)?.n).toBe(7);
  });
});
