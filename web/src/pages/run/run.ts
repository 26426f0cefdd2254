export { default as Notes } from "./Notes.svelte";
export { default as Overview } from "./Overview.svelte";
export { default as StepBar } from "../../parts/run/StepBar.svelte";
