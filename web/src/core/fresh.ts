/**
 * A page that stays open while its server is upgraded may load a chunk of the new build, which brings the new base
 * along: two programs that know nothing of each other. Then the page is loaded anew; where somebody has typed
 * something, the chunk fails to load instead, and they choose when.
 */
declare global {
  var __epochalBase: boolean | undefined;
}

const TYPED = "textarea, input:not([type]), input[type=text], input[type=search], input[type=password]";

function typed(): boolean {
  return [...document.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>(TYPED)].some((box) => box.value !== box.defaultValue);
}

if (globalThis.__epochalBase && typeof location !== "undefined") {
  if (!typed()) location.reload();
  throw new Error("The server was upgraded. Save what you typed, then load the page again.");
}
globalThis.__epochalBase = true;

export {};
