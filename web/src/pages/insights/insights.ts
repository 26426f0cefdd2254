/** The door of the findings' chunk. */
export { default as Badges } from "../../parts/insights/Badges.svelte";
