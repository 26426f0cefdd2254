/** Point clouds: read from their bytes, turned, and painted with the nearer points before the farther ones. Pure. */

export interface Cloud {
  count: number;
  /** x, y, z of each point, around the middle and within a radius of 1. */
  xyz: Float32Array;
  /** red, green, blue of each point, 0 to 255; null without colors. */
  rgb: Uint8Array | null;
  middle: [number, number, number];
  radius: number;
}

export interface View {
  yaw: number;
  pitch: number;
  zoom: number;
}

export const MOST_POINTS = 1_000_000;

/**
 * Reads `f32` points.
 *
 * @param columns 3; 4 with a category; 6 with red, green, blue
 * @param colorOf the color of a category
 */
export function readCloud(bytes: ArrayBuffer, columns: number, colorOf: (category: number) => readonly [number, number, number]): Cloud | null {
  if (![3, 4, 6].includes(columns) || bytes.byteLength % (4 * columns) !== 0) return null;
  const data = new Float32Array(bytes);
  const all = data.length / columns;
  const stride = Math.max(1, Math.ceil(all / MOST_POINTS));
  const count = Math.ceil(all / stride);
  const xyz = new Float32Array(count * 3);
  const rgb = columns === 3 ? null : new Uint8Array(count * 3);
  for (let i = 0; i < count; i++) {
    const from = i * stride * columns;
    for (let k = 0; k < 3; k++) xyz[i * 3 + k] = data[from + k];
    const color = columns === 4 ? colorOf(data[from + 3]) : [data[from + 3], data[from + 4], data[from + 5]];
    if (rgb) for (let k = 0; k < 3; k++) rgb[i * 3 + k] = Math.max(0, Math.min(255, color[k]));
  }
  const { middle, radius } = fit(xyz);
  for (let i = 0; i < xyz.length; i++) xyz[i] = (xyz[i] - middle[i % 3]) / radius;
  return { count, xyz, rgb, middle, radius };
}

function fit(xyz: Float32Array): { middle: [number, number, number]; radius: number } {
  const lo = [Infinity, Infinity, Infinity];
  const hi = [-Infinity, -Infinity, -Infinity];
  for (let i = 0; i < xyz.length; i++) {
    if (!Number.isFinite(xyz[i])) continue;
    lo[i % 3] = Math.min(lo[i % 3], xyz[i]);
    hi[i % 3] = Math.max(hi[i % 3], xyz[i]);
  }
  const middle = lo.map((l, k) => (l + hi[k]) / 2).map((m) => (Number.isFinite(m) ? m : 0)) as [number, number, number];
  const radius = Math.hypot(...lo.map((l, k) => (hi[k] - l) / 2));
  return { middle, radius: Number.isFinite(radius) && radius > 0 ? radius : 1 };
}

/** Turns a point of the unit ball into the view; z grows towards the eye. */
export function turn(x: number, y: number, z: number, { yaw, pitch }: View): [number, number, number] {
  const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
  const [x1, z1] = [x * cy - y * sy, x * sy + y * cy];
  return [x1, z * cp - z1 * sp, -(z * sp + z1 * cp)];
}

/** Where a turned point is on a canvas. */
export function project([x, y, z]: readonly [number, number, number], width: number, height: number, zoom: number): [number, number] {
  const scale = (Math.min(width, height) / 2) * 0.92 * zoom * (3 / (3 - z));
  return [width / 2 + x * scale, height / 2 - y * scale];
}

/**
 * Paints the cloud into an image.
 *
 * @param pixels RGBA, width * height * 4
 * @param plain the color of points without one
 */
export function paintCloud(cloud: Cloud, view: View, pixels: Uint8ClampedArray, width: number, height: number, plain: readonly [number, number, number]): void {
  pixels.fill(0);
  const depth = new Float32Array(width * height).fill(-Infinity);
  const size = cloud.count < 20_000 ? 3 : cloud.count < 100_000 ? 2 : 1;
  for (let i = 0; i < cloud.count; i++) {
    const turned = turn(cloud.xyz[i * 3], cloud.xyz[i * 3 + 1], cloud.xyz[i * 3 + 2], view);
    const [px, py] = project(turned, width, height, view.zoom);
    const light = 0.72 + 0.28 * Math.max(0, Math.min(1, (turned[2] + 1) / 2));
    for (let dy = 0; dy < size; dy++) {
      for (let dx = 0; dx < size; dx++) {
        const [x, y] = [Math.round(px) + dx, Math.round(py) + dy];
        if (!(x >= 0 && x < width && y >= 0 && y < height)) continue;
        const at = y * width + x;
        if (turned[2] <= depth[at]) continue;
        depth[at] = turned[2];
        for (let k = 0; k < 3; k++) pixels[at * 4 + k] = (cloud.rgb ? cloud.rgb[i * 3 + k] : plain[k]) * light;
        pixels[at * 4 + 3] = 255;
      }
    }
  }
}
