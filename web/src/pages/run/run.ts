export { default as Code } from "../../parts/run/Code.svelte";
export { default as LogView } from "../../parts/logs/LogView.svelte";
export { default as Origin } from "../../parts/run/Origin.svelte";
export { default as Notes } from "./Notes.svelte";
export { default as StepBar } from "../../parts/run/StepBar.svelte";
