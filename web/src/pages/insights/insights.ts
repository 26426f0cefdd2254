/** The door of the findings' chunk. */
export { default as Alerts } from "../../parts/insights/Alerts.svelte";
export { default as Badges } from "../../parts/insights/Badges.svelte";
