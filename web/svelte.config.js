import { vitePreprocess } from "@sveltejs/vite-plugin-svelte";

const known = new Map();

/** A short name, as it stands beside each element; two styles that got the same one would leak into each other. */
function nameOf(css, hash) {
  const name = `e${hash(css).slice(0, 4)}`;
  const other = known.get(name) ?? css;
  if (other !== css) throw new Error(`two styles have the class ${name}; change one of them by a space`);
  known.set(name, css);
  return name;
}

/** Class names come from the style's content, so that a build is the same in every directory. */
export default {
  preprocess: vitePreprocess(),
  compilerOptions: {
    runes: true,
    cssHash: ({ hash, css }) => nameOf(css, hash),
  },
};
