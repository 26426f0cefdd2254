/** The sweeps of a project. One chunk, loaded when somebody looks. */
export { default as Sweep } from "./Sweep.svelte";
export { default as Sweeps } from "./Sweeps.svelte";
