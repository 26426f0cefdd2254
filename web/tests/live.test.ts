/** Law: one stream while visible, none while hidden, a resync after anything that may have lost events, polling after two failures. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Live, type EventPipe } from "../src/core/live";
import type { Change } from "../src/core/wire";

class Pipe implements EventPipe {
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  onevent: ((name: string, data: string) => void) | null = null;
  closed = false;
  close(): void {
    this.closed = true;
  }
}

function build() {
  const pipes: Pipe[] = [];
  const log: string[] = [];
  let hidden = false;
  let turned: () => void = () => undefined;
  let polled: Change[] | null = [];
  const live = new Live(
    {
      open: () => {
        const pipe = new Pipe();
        pipes.push(pipe);
        return pipe;
      },
      poll: async () => {
        log.push("poll");
        if (!polled) throw new Error("nobody is there");
        return polled;
      },
      visibility: { hidden: () => hidden, listen: (f) => ((turned = f), () => (turned = () => undefined)) },
    },
    { changes: (c) => log.push(`changes ${c.map((r) => r.uid).join()}`), resync: () => log.push("resync"), mode: (m) => log.push(m) },
  );
  return { live, pipes, log, turn: (h: boolean) => ((hidden = h), turned()), pollGives: (c: Change[] | null) => (polled = c), open: () => pipes.filter((p) => !p.closed).length };
}

const run = { uid: "u1" } as Change;

describe("the live stream", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("hands on changes and asks for no resync at a first hello", () => {
    const { pipes, log } = build();
    pipes[0].onevent?.("hello", '{"rev":1}');
    pipes[0].onevent?.("changes", JSON.stringify({ runs: [run] }));
    expect(log).toEqual(["stream", "changes u1"]);
  });

  it("asks once, at the first hello, for what changed since the data was read", async () => {
    const log: string[] = [];
    const pipes: Pipe[] = [];
    const open = () => (pipes.push(new Pipe()), pipes[pipes.length - 1]);
    const visibility = { hidden: () => false, listen: () => () => undefined };
    const live = new Live({ open, poll: async () => [], catchUp: async (rev) => (log.push(`asked ${rev}`), [run]), visibility }, { changes: (c) => log.push(`changes ${c[0].uid}`), resync: () => log.push("resync") });
    pipes[0].onevent?.("hello", '{"rev":7}');
    await vi.advanceTimersByTimeAsync(0);
    pipes[0].onerror?.();
    await vi.advanceTimersByTimeAsync(500);
    pipes[1].onevent?.("hello", "{}");
    await vi.advanceTimersByTimeAsync(0);
    expect(log).toEqual(["asked 7", "changes u1", "resync"]);
    live.close();
  });

  it("holds no connection while hidden and catches up on return", () => {
    const { pipes, log, turn, open } = build();
    pipes[0].onevent?.("hello", "{}");
    turn(true);
    expect(open()).toBe(0);
    turn(false);
    expect(open()).toBe(1);
    pipes[1].onevent?.("hello", "{}");
    expect(log).toEqual(["stream", "paused", "connecting", "stream", "resync"]);
  });

  it("polls after two failures and goes back to the stream", async () => {
    const { pipes, log, pollGives, open } = build();
    pollGives([run]);
    pipes[0].onerror?.();
    await vi.advanceTimersByTimeAsync(600);
    pipes[1].onerror?.();
    await vi.advanceTimersByTimeAsync(4100);
    expect(open()).toBe(0);
    expect(log.filter((l) => l === "poll").length).toBe(3);
    expect(log).toContain("changes u1");
    await vi.advanceTimersByTimeAsync(15_000);
    expect(open()).toBe(1);
    pipes.at(-1)?.onevent?.("hello", "{}");
    const polls = log.filter((l) => l === "poll").length;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(log.filter((l) => l === "poll").length).toBe(polls);
    expect(log.slice(-2)).toEqual(["stream", "resync"]);
  });

  it("goes back to the stream as soon as a server that was away is there", async () => {
    const { pipes, log, pollGives, open } = build();
    pollGives(null);
    pipes[0].onerror?.();
    await vi.advanceTimersByTimeAsync(600);
    pipes[1].onerror?.();
    await vi.advanceTimersByTimeAsync(2100);
    pipes[2].onerror?.();
    await vi.advanceTimersByTimeAsync(2100);
    expect([pipes.length, open()]).toEqual([4, 1]);
    pipes[3].onevent?.("hello", "{}");
    expect(log.slice(-2)).toEqual(["stream", "resync"]);
  });

  it("is silent after it was closed", async () => {
    const { live, pipes, log, turn, open } = build();
    live.close();
    pipes[0].onevent?.("hello", "{}");
    turn(true);
    turn(false);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(open()).toBe(0);
    expect(log).toEqual([]);
  });
});
