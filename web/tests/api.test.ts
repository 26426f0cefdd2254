/** Law: a refused request shuts the session and nothing more is sent; a refused edit is sent again after its author is back. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Api } from "../src/core/api";
import type { User } from "../src/core/wire";

const ann: User = { name: "ann", role: "writer" };
const refused = { error: { code: "unauthenticated", message: "this needs an API key" } };

interface Reply {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

describe("the client of a server that asks for a key", () => {
  let sent: string[];
  let replies: Map<string, Reply[]>;

  beforeEach(() => {
    sent = [];
    replies = new Map();
    vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
      const what = `${init.method ?? "GET"} ${path}`;
      sent.push(what);
      const waiting = replies.get(what) ?? [];
      const reply = waiting.length > 1 ? waiting.shift() : waiting[0];
      if (!reply) throw new TypeError(`no reply is planned for ${what}`);
      const text = reply.body === undefined ? null : JSON.stringify(reply.body);
      return new Response(text, { status: reply.status, headers: reply.headers });
    });
  });
  afterEach(() => void vi.unstubAllGlobals());

  const plan = (what: string, ...answers: Reply[]) => replies.set(what, answers);
  const info = (user: User | null): Reply => ({ status: 200, body: { version: "1", mode: "team", user, home: "", server_time_us: 0 } });

  it("shuts when the server knows nobody, and then sends nothing but the login", async () => {
    const api = new Api();
    plan("GET /api/v1/info", info(null));
    await api.info();
    expect(api.session.shut).toBe(true);
    await expect(api.projects()).rejects.toMatchObject({ code: "unauthenticated", status: 401 });
    expect(sent).toEqual(["GET /api/v1/info"]);
  });

  it("opens after a login that the browser's cookie proves", async () => {
    const api = new Api();
    plan("POST /api/v1/session", { status: 200, body: { user: ann } });
    plan("GET /api/v1/info", info(ann));
    await api.logIn("ep_x");
    expect([api.session.user, api.session.shut]).toEqual([ann, false]);
  });

  it("says so when the browser kept no cookie", async () => {
    const api = new Api();
    plan("POST /api/v1/session", { status: 200, body: { user: ann } });
    plan("GET /api/v1/info", info(null));
    await expect(api.logIn("ep_x")).rejects.toMatchObject({ code: "no_cookie" });
    expect(api.session.shut).toBe(true);
  });

  it("hands on how long to wait", async () => {
    const api = new Api();
    plan("POST /api/v1/session", { status: 429, body: { error: { code: "too_many_requests", message: "slower" } }, headers: { "retry-after": "42" } });
    await expect(api.logIn("ep_x")).rejects.toMatchObject({ status: 429, retryAfter: 42 });
    expect(api.session.shut).toBe(false);
  });

  it("sends a refused edit again once its author is back, and only then", async () => {
    const api = new Api();
    api.session.admit(ann);
    plan("PATCH /api/v1/runs/u", { status: 401, body: refused }, { status: 200, body: { uid: "u", name: "new" } });
    const edit = api.patchRun("u", { name: "new" });
    await vi.waitFor(() => expect(api.session.shut).toBe(true));
    expect(sent).toEqual(["PATCH /api/v1/runs/u"]);
    api.session.admit(ann);
    expect(await edit).toEqual({ uid: "u", name: "new" });
    expect(sent).toEqual(["PATCH /api/v1/runs/u", "PATCH /api/v1/runs/u"]);
  });

  it("keeps an edit that comes while the page is shut, and sends it once its author is back", async () => {
    const api = new Api();
    api.session.admit(ann);
    api.session.refuse(api.session.epoch);
    plan("PATCH /api/v1/runs/u", { status: 200, body: { uid: "u", notes: "n" } });
    const edit = api.patchRun("u", { notes: "n" });
    await Promise.resolve();
    expect(sent).toEqual([]);
    api.session.admit(ann);
    expect(await edit).toEqual({ uid: "u", notes: "n" });
  });

  it("reads nothing after the login before the kept edit is stored", async () => {
    const api = new Api();
    api.session.admit(ann);
    api.session.refuse(api.session.epoch);
    plan("PATCH /api/v1/runs/u", { status: 200, body: { uid: "u", notes: "n" } });
    plan("GET /api/v1/runs/u", { status: 200, body: { uid: "u", notes: "n" } });
    const edit = api.patchRun("u", { notes: "n" });
    api.session.admit(ann);
    await api.run("u");
    expect(sent).toEqual(["PATCH /api/v1/runs/u", "GET /api/v1/runs/u"]);
    await edit;
  });

  it("gives up an edit of somebody who left", async () => {
    const api = new Api();
    api.session.admit(ann);
    api.session.leave();
    await expect(api.patchRun("u", { notes: "n" })).rejects.toMatchObject({ code: "unauthenticated" });
    expect(sent).toEqual([]);
  });

  it("gives up a refused edit when somebody else comes", async () => {
    const api = new Api();
    api.session.admit(ann);
    plan("PATCH /api/v1/runs/u", { status: 401, body: refused });
    const edit = expect(api.patchRun("u", { name: "new" })).rejects.toMatchObject({ status: 401 });
    await vi.waitFor(() => expect(api.session.shut).toBe(true));
    api.session.admit({ name: "bob", role: "writer" });
    await edit;
    expect(sent).toEqual(["PATCH /api/v1/runs/u"]);
  });

  it("never sends a refused deletion again", async () => {
    const api = new Api();
    api.session.admit(ann);
    plan("DELETE /api/v1/runs/u", { status: 401, body: refused });
    await expect(api.deleteRun("u")).rejects.toMatchObject({ status: 401 });
    api.session.admit(ann);
    expect(sent).toEqual(["DELETE /api/v1/runs/u"]);
  });

  it("keeps the session when a role is too small: only 401 ends it", async () => {
    const api = new Api();
    api.session.admit(ann);
    plan("DELETE /api/v1/runs/u", { status: 403, body: { error: { code: "permission_denied", message: "needs a writer" } } });
    await expect(api.deleteRun("u")).rejects.toMatchObject({ status: 403, message: "needs a writer" });
    expect(api.session.shut).toBe(false);
  });
});
