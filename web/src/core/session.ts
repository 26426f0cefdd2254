/**
 * Whether the server lets this browser in, and as whom.
 *
 * Promises: one refusal shuts the page for all requests until somebody is let in again, however many were under way;
 * an answer from before a login never undoes it; a change that was refused waits for the person who made it, and is
 * given up when they leave or somebody else comes. Holds no key: the browser keeps a cookie that no script can read.
 */
import type { User } from "./wire";

interface Waiting {
  name: string;
  settle: (back: boolean) => void;
}

export class Session {
  user: User | null = null;
  /** Nobody is let in: no request is worth sending. */
  shut = false;
  /** Somebody was let in before and did not leave: their session ended. */
  lost = false;
  /** Counts who was let in; an answer belongs to the epoch in which its request was sent. */
  epoch = 0;
  private waiting: Waiting[] = [];
  private readonly listeners = new Set<() => void>();

  /** Calls `listener` after every change; returns how to stop. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** The server let somebody in. */
  admit(user: User): void {
    const fresh = this.shut || this.user?.name !== user.name;
    const same = !fresh && this.user?.role === user.role;
    if (fresh) this.epoch++;
    this.user = user;
    this.shut = this.lost = false;
    const waiting = this.waiting.splice(0);
    for (const { name, settle } of waiting) settle(name === user.name);
    if (!same) this.tell();
  }

  /** The server refused a request of that epoch for want of a session. */
  refuse(epoch: number): void {
    if (this.shut || epoch !== this.epoch) return;
    this.shut = true;
    this.lost = this.user !== null;
    this.tell();
  }

  /** The user logged out. */
  leave(): void {
    this.user = null;
    this.shut = true;
    this.lost = false;
    for (const { settle } of this.waiting.splice(0)) settle(false);
    this.tell();
  }

  /** Waits until somebody is let in; whether it is `name`, whose change was refused. */
  back(name: string | null): Promise<boolean> {
    if (name === null) return Promise.resolve(false);
    if (!this.shut) return Promise.resolve(this.user?.name === name);
    return new Promise((settle) => this.waiting.push({ name, settle }));
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}
