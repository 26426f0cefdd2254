/** Masks of images as class numbers, loaded once each while something shows them. */
import { blobBytes } from "../../core/media/address";
import { classCounts, readClassMap, type ClassMap } from "../../core/media/png";
import type { BlobView } from "../../core/media/shapes";

export interface LoadedMask extends ClassMap {
  counts: ReadonlyMap<number, number>;
}

const MOST_KEPT = 48;
const kept = new Map<string, Promise<LoadedMask>>();

/** The classes of a mask; throws when its bytes are none that can be read. */
export function loadMask(run: string, blob: BlobView): Promise<LoadedMask> {
  const found = kept.get(blob.digest);
  if (found) return found;
  const loading = read(run, blob);
  kept.set(blob.digest, loading);
  loading.catch(() => kept.delete(blob.digest));
  const oldest = kept.keys().next().value;
  if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
  return loading;
}

async function read(run: string, blob: BlobView): Promise<LoadedMask> {
  const map = await readClassMap(await blobBytes(run, blob));
  if (!map) throw new Error("this mask is no gray or palette PNG");
  return { ...map, counts: classCounts(map) };
}
