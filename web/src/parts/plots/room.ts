/** How high plots, matrices, tables and pictures may be where they stand. Without it each takes what it wants. */
import { getContext, setContext } from "svelte";

const KEY = Symbol("room");

/** Says to everything inside of this component how many pixels one of its items has. */
export const giveRoom = (pixels: () => number): void => void setContext(KEY, pixels);

export const roomHere = (): (() => number | undefined) => getContext<(() => number) | undefined>(KEY) ?? (() => undefined);
