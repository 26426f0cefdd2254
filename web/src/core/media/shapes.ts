/** The JSON shapes of media in docs/internals/wire.md, as `epochal/domain/objects.py` writes them. Nothing here runs. */
import type { Value, WireNumber } from "../wire";

export interface BlobView {
  /** Empty as long as the writer has not encoded it. */
  digest: string;
  size: number;
  type: string;
  /** False while the bytes are on their way. */
  present: boolean;
}

export type Meta = { [key: string]: Value };

export interface MediaView {
  kind: string;
  meta: Meta;
  blobs: Record<string, BlobView>;
}

export interface MediaKey {
  key: string;
  kind: string;
  count: number;
  first_step: number;
  last_step: number;
  /** Ascending; the newest 10,000. */
  steps: number[];
  /** Counts the run's keys as they first came: layers stand in the model's order. */
  order: number;
}

export interface MediaKeys {
  run: string;
  keys: MediaKey[];
}

export interface MediaQuery {
  runs: string[];
  keys?: string[];
  lo?: number;
  hi?: number;
  /** Only the newest entry with a step of at most this one, for each run and key. */
  at?: number;
  limit?: number;
  cursor?: string;
  /** Only these parts of each item's meta. */
  meta?: string[];
  /** At most so many entries of each run and key, evenly spaced from the first to the last. */
  most?: number;
}

export interface MediaEntry {
  run: string;
  key: string;
  step: number;
  wall_us: number;
  many: boolean;
  items: MediaView[];
}

export interface MediaPage {
  entries: MediaEntry[];
  cursor: string | null;
}

/** The figures that `watch()` records with a histogram; null where there are no finite values. */
export interface Stats {
  n?: number;
  min?: WireNumber | null;
  max?: WireNumber | null;
  mean?: WireNumber | null;
  std?: WireNumber | null;
  norm?: WireNumber | null;
  zeros?: number;
  nan?: number;
  inf?: number;
  update_ratio?: WireNumber | null;
}
