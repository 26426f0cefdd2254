/** Pipeline runs: the list, and one run with its steps. One chunk, loaded when somebody looks. */
export { default as Pipeline } from "./Pipeline.svelte";
export { default as Pipelines } from "./Pipelines.svelte";
