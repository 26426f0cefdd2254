/** Reports, and embeds, which are panels of reports without a report (docs/decisions/0024). */
export { frameOf } from "../../core/reports/embed";
export { default as AddToReport } from "../../parts/reports/AddToReport.svelte";
export { default as Embed } from "../embed/Embed.svelte";
export { default as Refused } from "../embed/Refused.svelte";
export { default as Report } from "./Report.svelte";
export { default as Reports } from "./Reports.svelte";
