import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// Fixed names: the bundle is committed, and `?v=` (scripts/stamp.mjs) does the cache busting. Styles are joined there.
//
// What the first view does not need lies in chunks of its own: `import()` in App.svelte or src/pages/*.svelte names a
// module of src/pages/<subject>/, and what only it needs lies in src/parts/<subject>/ and src/core/<subject>/. Files right in
// core/, parts/ and state/ are `base.js`, which every chunk shares; so are a few small ones that several chunks need, as chunks of their
// own would weigh more. So no chunk needs app.js, and each can be named by its content.
const BASE = /\/src\/(core|parts|state)\/[^/]+$|\/src\/core\/media\/(address|steps|keys)\.ts$|\/src\/parts\/media\/(Scrubber\.svelte|place\.svelte\.ts)$|\/node_modules\/(svelte|esm-env|clsx)\/|^\0|\/src\/styles\//;

/**
 * No page of ours comes drawn from a server, so nothing is ever hydrated: as a constant that says so, Svelte's variable takes all that is for it
 * out of the bundle.
 */
const neverHydrated = {
  name: "never-hydrated",
  transform(code: string, id: string): string | undefined {
    if (!id.endsWith("svelte/src/internal/client/dom/hydration.js")) return undefined;
    const parts = ["export let hydrating = false;", "\thydrating = value;"];
    if (!parts.every((part) => code.includes(part))) throw new Error("Svelte tells another way what hydrates; see neverHydrated in vite.config.ts");
    return code.replace(parts[0], "export const hydrating = false;").replace(parts[1], "");
  },
};

/**
 * Svelte makes an error as it is loaded, whose stack nobody reads: for its lines the browser reads all of `base.js` a second time, which takes
 * a tenth of what an opening page computes. What is thrown there need not be an error; it is only compared with itself.
 */
const noStackAtStart = {
  name: "no-stack-at-start",
  transform(code: string, id: string): string | undefined {
    if (!id.endsWith("svelte/src/internal/client/constants.js")) return undefined;
    const error = "new (class StaleReactionError extends Error {";
    if (!code.includes(error)) throw new Error("Svelte tells another way what is thrown for a stale reaction; see noStackAtStart in vite.config.ts");
    return code.replace(error, "new (class StaleReactionError {");
  },
};

export default defineConfig({
  base: "/static/",
  plugins: [svelte(), neverHydrated, noStackAtStart],
  build: {
    outDir: "../src/epochal/server/static",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: true,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rollupOptions: {
      output: {
        codeSplitting: { groups: [{ name: "base", test: BASE }] },
        entryFileNames: "app.js",
        chunkFileNames: "[name].js",
        assetFileNames: "[name][extname]",
      },
    },
  },
  worker: { rollupOptions: { output: { entryFileNames: "[name].js" } } },
  test: { include: ["tests/**/*.test.ts"], environment: "node", testTimeout: 60_000 },
});
