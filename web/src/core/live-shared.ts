/**
 * A tab's end of the stream that live-worker.ts shares. Where a browser has no shared workers, a stream of the tab's own; in the frames
 * of another page none, as a page may hold more of them than a browser allows connections: they poll.
 */
import { eventSourcePipe, isFramed, type EventPipe } from "./live";

export type ToWorker = { kind: "open" | "close"; url: string } | { kind: "alive" };

export interface FromWorker {
  url: string;
  name: "hello" | "changes" | "resync" | "error";
  data: string;
}

const ALIVE_MS = 20_000;
/** Another name for another protocol, so that tabs of two versions never share a worker. */
const PROTOCOL = "epochal-live-1";

let port: MessagePort | null = null;
let broken = false;
const pipes = new Map<string, Set<EventPipe>>();

function connect(): MessagePort | null {
  if (port || broken) return port;
  if (typeof SharedWorker === "undefined") return null;
  try {
    const worker = new SharedWorker(new URL("./live-worker.ts", import.meta.url), { name: PROTOCOL });
    worker.onerror = () => fail();
    port = worker.port;
    port.onmessage = ({ data }: MessageEvent<FromWorker>) => deliver(data);
    port.start();
    setInterval(() => send({ kind: "alive" }), ALIVE_MS);
    addEventListener("pagehide", () => {
      for (const url of pipes.keys()) send({ kind: "close", url });
    });
  } catch {
    broken = true;
  }
  return port;
}

/** The worker did not start: from now on each tab has its own stream. */
function fail(): void {
  broken = true;
  port = null;
  for (const set of pipes.values()) for (const pipe of [...set]) pipe.onerror?.();
}

function send(message: ToWorker): void {
  port?.postMessage(message);
}

function deliver({ url, name, data }: FromWorker): void {
  for (const pipe of [...(pipes.get(url) ?? [])]) {
    if (name === "error") pipe.onerror?.();
    else pipe.onevent?.(name, data);
  }
}

/** Opens a stream, shared with other tabs where that is possible. */
export function sharedPipe(address: string): EventPipe {
  // A worker resolves addresses against its own script.
  const url = new URL(address, location.href).href;
  if (!connect()) return isFramed() ? noPipe() : eventSourcePipe(url);
  const pipe: EventPipe = { onopen: null, onerror: null, onevent: null, close: () => leave(url, pipe) };
  const set = pipes.get(url) ?? new Set();
  pipes.set(url, set.add(pipe));
  send({ kind: "open", url });
  return pipe;
}

function noPipe(): EventPipe {
  const pipe: EventPipe = { onopen: null, onerror: null, onevent: null, close: () => clearTimeout(timer) };
  const timer = setTimeout(() => pipe.onerror?.());
  return pipe;
}

function leave(url: string, pipe: EventPipe): void {
  const set = pipes.get(url);
  if (!set?.delete(pipe) || set.size > 0) return;
  pipes.delete(url);
  send({ kind: "close", url });
}
