/**
 * A page that stays open while its server is upgraded may load a chunk of the new build, which brings the new base
 * along: two programs that know nothing of each other. Then the page is loaded anew.
 */
declare global {
  var __epochalBase: boolean | undefined;
}

if (globalThis.__epochalBase && typeof location !== "undefined") location.reload();
globalThis.__epochalBase = true;

export {};
