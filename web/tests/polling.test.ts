/** Law: a project that has to poll does so whether or not its first page of runs has come. */
import { afterEach, expect, it, vi } from "vitest";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

it("polls and tries the stream again while the first page of runs stays away", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
  const tried: { onerror: (() => void) | null }[] = [];
  class Broken {
    onerror: (() => void) | null = null;
    constructor() {
      tried.push(this);
      setTimeout(() => this.onerror?.(), 1);
    }
    addEventListener(): void {}
    close(): void {}
  }
  vi.stubGlobal("EventSource", Broken);
  vi.stubGlobal("location", { href: "http://127.0.0.1/", origin: "http://127.0.0.1", pathname: "/", search: "" });
  vi.stubGlobal("document", { hidden: false, addEventListener: () => undefined, removeEventListener: () => undefined, querySelector: () => null, documentElement: { dataset: {} }, getElementById: () => null });
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => undefined }));
  vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => undefined });
  vi.stubGlobal("addEventListener", () => undefined);
  vi.stubGlobal("fetch", async () => new Response("{}"));
  const { api } = await import("../src/core/api");
  const asked = vi.spyOn(api, "queryRuns").mockResolvedValue({ runs: [], columns: {}, total: 0, matched: 0, cursor: null, rev: 1 });
  const { followProject } = await import("../src/state/live.svelte");
  const stop = followProject("local", "p", { changes: () => undefined, resync: () => undefined }, new Promise(() => undefined));
  for (let second = 0; second < 400 && (asked.mock.calls.length < 2 || tried.length < 3); second++) {
    await vi.advanceTimersByTimeAsync(1000);
    for (let turn = 0; turn < 5; turn++) await new Promise((done) => setImmediate(done)); // the answer is read
  }
  stop();
  expect(asked.mock.calls.length).toBeGreaterThan(1);
  expect(tried.length).toBeGreaterThan(2);
});
