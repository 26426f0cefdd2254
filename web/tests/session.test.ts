/** Law: one refusal shuts the page until somebody is let in; late answers undo nothing; a refused change waits for its own author. */
import { describe, expect, it } from "vitest";
import { Session } from "../src/core/session";
import type { User } from "../src/core/wire";

const ann: User = { name: "ann", role: "writer" };
const bob: User = { name: "bob", role: "writer" };

function build() {
  const session = new Session();
  const told: string[] = [];
  session.onChange(() => told.push(`${session.user?.name ?? "-"} ${session.shut ? "shut" : "open"}${session.lost ? " lost" : ""}`));
  return { session, told };
}

/** What `back` came to; "waits" while it has not. */
async function settled(answer: Promise<boolean>): Promise<boolean | "waits"> {
  return Promise.race([answer, new Promise<"waits">((resolve) => setTimeout(() => resolve("waits"), 0))]);
}

describe("a session", () => {
  it("is open and nobody's at first, so that the first request may be sent", () => {
    const { session } = build();
    expect([session.user, session.shut, session.lost]).toEqual([null, false, false]);
  });

  it("tells of somebody who comes in, once", () => {
    const { session, told } = build();
    session.admit(ann);
    session.admit(ann);
    expect(told).toEqual(["ann open"]);
  });

  it("tells when the role of the same person changes", () => {
    const { session, told } = build();
    session.admit(ann);
    session.admit({ ...ann, role: "reader" });
    expect(session.user?.role).toBe("reader");
    expect(told).toEqual(["ann open", "ann open"]);
  });

  it("shuts once, however many requests were under way", () => {
    const { session, told } = build();
    session.admit(ann);
    const { epoch } = session;
    for (let i = 0; i < 5; i++) session.refuse(epoch);
    expect(told).toEqual(["ann open", "ann shut lost"]);
  });

  it("is not called lost for somebody who was never in", () => {
    const { session, told } = build();
    session.refuse(session.epoch);
    expect(told).toEqual(["- shut"]);
  });

  it("is not shut by an answer to a request from before the login", () => {
    const { session } = build();
    session.admit(ann);
    const before = session.epoch;
    session.refuse(before);
    session.admit(ann);
    session.refuse(before);
    expect(session.shut).toBe(false);
  });

  it("is not shut by an answer for the one who was in before", () => {
    const { session } = build();
    session.admit(ann);
    const before = session.epoch;
    session.admit(bob);
    session.refuse(before);
    expect([session.user?.name, session.shut]).toEqual(["bob", false]);
  });

  it("forgets who left, and calls nothing lost", () => {
    const { session, told } = build();
    session.admit(ann);
    session.leave();
    expect(told).toEqual(["ann open", "- shut"]);
  });

  it("stops telling when asked to", () => {
    const session = new Session();
    let told = 0;
    session.onChange(() => told++)();
    session.admit(ann);
    expect(told).toBe(0);
  });
});

describe("a refused change", () => {
  it("waits for its author and then goes out", async () => {
    const { session } = build();
    session.admit(ann);
    session.refuse(session.epoch);
    const back = session.back("ann");
    expect(await settled(back)).toBe("waits");
    session.admit(ann);
    expect(await back).toBe(true);
  });

  it("goes out at once when its author is in again already", async () => {
    const { session } = build();
    session.admit(ann);
    expect(await settled(session.back("ann"))).toBe(true);
  });

  it("is given up when somebody else comes", async () => {
    const { session } = build();
    session.admit(ann);
    session.refuse(session.epoch);
    const back = session.back("ann");
    session.admit(bob);
    expect(await settled(back)).toBe(false);
    expect(await settled(session.back("ann"))).toBe(false);
  });

  it("is given up when its author leaves in another tab", async () => {
    const { session } = build();
    session.admit(ann);
    session.refuse(session.epoch);
    const back = session.back("ann");
    session.leave();
    expect(await settled(back)).toBe(false);
    session.admit(ann);
    expect(await settled(back)).toBe(false);
  });

  it("of nobody is not kept", async () => {
    const { session } = build();
    session.refuse(session.epoch);
    expect(await settled(session.back(null))).toBe(false);
  });
});
