/** Where the bytes of media are. Only these addresses ever stand in the page: none is taken from what users wrote. */
import { api, query } from "../api";
import type { BlobView, MediaKeys, MediaPage, MediaQuery } from "./shapes";

export function blobUrl(run: string, blob: BlobView, view?: "frame"): string {
  return `/api/v1/runs/${encodeURIComponent(run)}/blobs/${encodeURIComponent(blob.digest)}${view ? `?${query({ view })}` : ""}`;
}

export function mediaKeys(run: string): Promise<MediaKeys> {
  return api.ask("GET", `/api/v1/runs/${run}/media`);
}

export function queryMedia(body: MediaQuery, signal?: AbortSignal): Promise<MediaPage> {
  return api.ask("POST", "/api/v1/media/query", body, signal);
}

/** All bytes of a blob. */
export async function blobBytes(run: string, blob: BlobView): Promise<ArrayBuffer> {
  return (await api.content(blobUrl(run, blob))).arrayBuffer();
}

export async function blobText(run: string, blob: BlobView): Promise<string> {
  return (await api.content(blobUrl(run, blob))).text();
}
