/** What a run leaves behind besides numbers: files, artifacts, models. One chunk, loaded when somebody looks. */
export { default as Artifact } from "./Artifact.svelte";
export { default as Artifacts } from "./Artifacts.svelte";
export { default as Files } from "./Files.svelte";
export { default as Model } from "./Model.svelte";
export { default as ModelPage } from "./ModelPage.svelte";
export { default as Models } from "./Models.svelte";
