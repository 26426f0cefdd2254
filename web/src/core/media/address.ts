/** Where the bytes of media are. Only these addresses ever stand in the page: none is taken from what users wrote. */
import { api, query } from "../api";
import type { BlobView, MediaKeys, MediaPage, MediaQuery } from "./shapes";

const KEPT = "kept?";

/** What stands for a run where a frozen panel of a report keeps its media: each address below leads to the report then. */
export function keptRun(place: { entity: string; project: string }, report: string, panel: string, run: string): string {
  return KEPT + query({ ...place, name: report, panel, run });
}

export function blobUrl(run: string, blob: BlobView, view?: "frame"): string {
  if (run.startsWith(KEPT)) {
    const { entity, project, name, panel } = Object.fromEntries(new URLSearchParams(run.slice(KEPT.length)));
    return `/api/v1/reports/blob?${query({ entity, project, name, panel, digest: blob.digest, ...(view && { view }) })}`;
  }
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
