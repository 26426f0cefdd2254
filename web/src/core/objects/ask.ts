/** The routes of files, artifacts and models (docs/internals/wire.md), each a function. */
import { api, query } from "../api";
import type {
  ArtifactChanges, ArtifactRow, FileList, LineageGraph, Manifest, ModelDetail, ModelRow, ModelVersionChanges, ModelVersionRow, RunArtifacts, VersionChanges, VersionDetail, VersionDiff,
  VersionRow,
} from "./wire";

const V1 = "/api/v1";
/** A version's place: its artifact's path, and a number, an alias or the beginning of a digest. */
export interface Place {
  entity: string;
  project: string;
  name: string;
  version?: number | string;
}

const PAGE = 200;

/** `entity/project/name:version`, as the routes take it. */
export function fullName({ entity, project, name, version }: Place): string {
  const word = typeof version === "number" ? `v${version}` : version;
  return `${entity}/${project}/${name}${word === undefined ? "" : `:${word}`}`;
}

/** A path as part of an address; "/" stays. */
const pathInAddress = (path: string): string => path.split("/").map(encodeURIComponent).join("/");
const named = (place: Place): string => query({ name: fullName(place) });

export const runFileUrl = (uid: string, path: string): string => `${V1}/runs/${uid}/files/${pathInAddress(path)}`;
export const versionFileUrl = (place: Place, path: string): string => `${V1}/artifacts/file?${query({ name: fullName(place), path })}`;

export const askRunFiles = (uid: string): Promise<FileList> => api.ask("GET", `${V1}/runs/${uid}/files`);
export const askRunArtifacts = (uid: string): Promise<RunArtifacts> => api.ask("GET", `${V1}/runs/${uid}/artifacts`);

export async function askArtifacts(entity: string, project: string): Promise<ArtifactRow[]> {
  return (await api.ask<{ artifacts: ArtifactRow[] }>("GET", `${V1}/artifacts?${query({ entity, project })}`)).artifacts;
}

/** A page of versions, newest first, and how many there are. */
export function askVersions(place: Place, offset = 0): Promise<{ versions: VersionRow[]; total: number }> {
  return api.ask("GET", `${V1}/artifacts/versions?${query({ name: fullName({ ...place, version: undefined }), limit: PAGE, offset })}`);
}

export const askVersion = (place: Place): Promise<VersionDetail> => api.ask("GET", `${V1}/artifacts/resolve?${named(place)}`);
export const askManifest = (place: Place): Promise<Manifest> => api.ask("GET", `${V1}/artifacts/manifest?${named(place)}`);
export const askLineage = (place: Place, depth: number): Promise<LineageGraph> => api.ask("GET", `${V1}/artifacts/lineage?${query({ name: fullName(place), depth })}`);

export function askDiff(before: Place, after: Place): Promise<VersionDiff> {
  return api.ask("GET", `${V1}/artifacts/diff?${query({ before: fullName(before), after: fullName(after) })}`);
}

export const changeArtifact = (place: Place, changes: ArtifactChanges): Promise<ArtifactRow> =>
  api.ask("PATCH", `${V1}/artifacts?${query({ name: fullName({ ...place, version: undefined }) })}`, changes);
export const changeVersion = (place: Place, changes: VersionChanges): Promise<VersionRow> => api.ask("PATCH", `${V1}/artifacts/version?${named(place)}`, changes);
export const deleteArtifact = (place: Place): Promise<void> => api.ask("DELETE", `${V1}/artifacts?${query({ name: fullName({ ...place, version: undefined }) })}`);
export const deleteVersion = (place: Place, force: boolean): Promise<void> => api.ask("DELETE", `${V1}/artifacts/version?${named(place)}${force ? "&force=true" : ""}`);

const modelUrl = (entity: string, name: string, more = ""): string => `${V1}/models/${encodeURIComponent(name)}${more}?${query({ entity })}`;

export async function askModels(entity: string): Promise<ModelRow[]> {
  return (await api.ask<{ models: ModelRow[] }>("GET", `${V1}/models?${query({ entity })}`)).models;
}

/** Makes a version of a registered model out of an artifact version; a model that is not there yet is made. */
export async function register(entity: string, name: string, artifact: Place, aliases: readonly string[]): Promise<ModelVersionRow> {
  if (!(await askModels(entity)).some((model) => model.name === name)) await api.ask("POST", `${V1}/models`, { name, entity });
  return api.ask("POST", modelUrl(entity, name, "/versions"), { artifact: fullName(artifact), aliases });
}

export const askModel = (entity: string, name: string): Promise<ModelDetail> => api.ask("GET", modelUrl(entity, name));
export const changeModel = (entity: string, name: string, description: string): Promise<ModelRow> => api.ask("PATCH", modelUrl(entity, name), { description });
export const changeModelVersion = (entity: string, name: string, version: number, changes: ModelVersionChanges): Promise<ModelVersionRow> =>
  api.ask("PATCH", modelUrl(entity, name, `/versions/${version}`), changes);
export const deleteModelVersion = (entity: string, name: string, version: number): Promise<void> => api.ask("DELETE", modelUrl(entity, name, `/versions/${version}`));
