/**
 * One live stream for all tabs of a browser: a browser allows six connections to an origin, so the seventh tab with
 * a stream of its own would not load.
 *
 * Promises: tabs that ask for the same stream share it; at most four are open at once, further ones get an error and
 * poll; a tab that says nothing for a minute is forgotten; a stream nobody listens to is closed.
 */
import type { FromWorker, ToWorker } from "./live-shared";

interface Port {
  onmessage: ((event: { data: ToWorker }) => void) | null;
  postMessage(message: FromWorker): void;
}

interface Stream {
  source: EventSource;
  listeners: Map<Port, number>;
  /** The newest revision that was told; null before the stream's hello. */
  rev: number | null;
}

interface Told {
  rev?: number;
  runs?: { rev: number }[];
}

const MAX_STREAMS = 4;
const SILENT_MS = 60_000;
const streams = new Map<string, Stream>();

(globalThis as unknown as { onconnect: (event: { ports: Port[] }) => void }).onconnect = ({ ports: [port] }) => {
  port.onmessage = ({ data }) => {
    if (data.kind === "open") join(data.url, port);
    else if (data.kind === "close") leave(data.url, port);
    else for (const stream of streams.values()) if (stream.listeners.has(port)) stream.listeners.set(port, Date.now());
  };
};

function join(url: string, port: Port): void {
  prune();
  const stream = streams.get(url) ?? open(url);
  if (!stream) return port.postMessage({ url, name: "error", data: "" });
  stream.listeners.set(port, Date.now());
  if (stream.rev !== null) port.postMessage({ url, name: "hello", data: JSON.stringify({ rev: stream.rev }) });
}

function open(url: string): Stream | null {
  if (streams.size >= MAX_STREAMS) return null;
  const source = new EventSource(url);
  const stream: Stream = { source, listeners: new Map(), rev: null };
  streams.set(url, stream);
  for (const name of ["hello", "changes", "resync"] as const) {
    source.addEventListener(name, (event) => {
      const { data } = event as MessageEvent<string>;
      if (name !== "resync") stream.rev = newest(stream.rev ?? 0, JSON.parse(data) as Told);
      tell(stream, { url, name, data });
    });
  }
  source.onerror = () => {
    source.close();
    streams.delete(url);
    tell(stream, { url, name: "error", data: "" });
  };
  return stream;
}

/** A tab that joins later has read its runs before or after any of this. */
function newest(rev: number, told: Told): number {
  return Math.max(rev, told.rev ?? 0, ...(told.runs ?? []).map((run) => run.rev));
}

function tell(stream: Stream, message: FromWorker): void {
  for (const port of stream.listeners.keys()) port.postMessage(message);
  prune();
}

function leave(url: string, port: Port): void {
  streams.get(url)?.listeners.delete(port);
  prune();
}

function prune(): void {
  const oldest = Date.now() - SILENT_MS;
  for (const [url, stream] of streams) {
    for (const [port, heard] of stream.listeners) if (heard < oldest) stream.listeners.delete(port);
    if (stream.listeners.size > 0) continue;
    stream.source.close();
    streams.delete(url);
  }
}
