/** What draws a canvas, by the canvas: so that it can be drawn once more with another pen, in a picture of lines instead of pixels. */
export type Painter = (pen: CanvasRenderingContext2D) => void;

export const painters = new WeakMap<HTMLCanvasElement, Painter>();
