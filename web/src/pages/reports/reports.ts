export { default as AddToReport } from "../../parts/reports/AddToReport.svelte";
export { default as Report } from "./Report.svelte";
export { default as Reports } from "./Reports.svelte";
