import { vitePreprocess } from "@sveltejs/vite-plugin-svelte";

/** Class names come from the style's content, so that a build is the same in every directory. */
export default {
  preprocess: vitePreprocess(),
  compilerOptions: {
    runes: true,
    cssHash: ({ hash, css }) => `e-${hash(css)}`,
  },
};
