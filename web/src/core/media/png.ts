/**
 * The class numbers in a segmentation mask: the gray values or palette indices of a PNG, exactly as they were written.
 * A canvas would give them changed: cut to 8 bits, or as colors.
 */

export interface ClassMap {
  width: number;
  height: number;
  classes: Uint16Array;
}

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const MOST_PIXELS = 1 << 26;
const GRAY = 0;
const PALETTE = 3;

/** Reads a gray or palette PNG without interlacing; null for any other file. */
export async function readClassMap(bytes: ArrayBuffer): Promise<ClassMap | null> {
  const view = new DataView(bytes);
  if (bytes.byteLength < 33 || SIGNATURE.some((b, i) => view.getUint8(i) !== b)) return null;
  const [width, height, depth, color, interlaced] = [view.getUint32(16), view.getUint32(20), view.getUint8(24), view.getUint8(25), view.getUint8(28)];
  if ((color !== GRAY && color !== PALETTE) || interlaced !== 0 || width === 0 || height === 0 || width * height > MOST_PIXELS) return null;
  const rowBytes = Math.ceil((width * depth) / 8);
  const raw = await inflate(imageData(bytes, view), (rowBytes + 1) * height);
  if (raw === null) return null;
  const pixelBytes = Math.max(1, depth / 8);
  for (let y = 0; y < height; y++) unfilter(raw, y, rowBytes, pixelBytes);
  return { width, height, classes: unpack(raw, width, height, depth, rowBytes) };
}

/** The compressed pixels: all IDAT chunks, one after the other. */
function imageData(bytes: ArrayBuffer, view: DataView): Uint8Array<ArrayBuffer>[] {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let at = 8;
  while (at + 12 <= bytes.byteLength) {
    const length = view.getUint32(at);
    const type = view.getUint32(at + 4);
    if (at + 12 + length > bytes.byteLength) break;
    if (type === 0x49444154) parts.push(new Uint8Array(bytes, at + 8, length));
    if (type === 0x49454e44) break;
    at += 12 + length;
  }
  return parts;
}

/** Exactly `size` bytes, or null when they are not there. Never reads further than that. */
async function inflate(parts: Uint8Array<ArrayBuffer>[], size: number): Promise<Uint8Array | null> {
  const out = new Uint8Array(size);
  const reader = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  let filled = 0;
  try {
    while (filled < size) {
      const { done, value } = await reader.read();
      if (done) return null;
      const piece = value.subarray(0, size - filled);
      out.set(piece, filled);
      filled += piece.length;
    }
    void reader.cancel().catch(() => undefined); // all that is needed is here
    return out;
  } catch {
    return null;
  }
}

/** Takes the filter of row `y` away, in place (PNG specification, section 9). */
function unfilter(raw: Uint8Array, y: number, rowBytes: number, pixelBytes: number): void {
  const start = y * (rowBytes + 1) + 1;
  const above = start - rowBytes - 1;
  const filter = raw[start - 1];
  if (filter === 0) return;
  for (let i = 0; i < rowBytes; i++) {
    const left = i >= pixelBytes ? raw[start + i - pixelBytes] : 0;
    const up = y > 0 ? raw[above + i] : 0;
    const corner = y > 0 && i >= pixelBytes ? raw[above + i - pixelBytes] : 0;
    raw[start + i] += predict(filter, left, up, corner);
  }
}

function predict(filter: number, left: number, up: number, corner: number): number {
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  const guess = left + up - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

function unpack(raw: Uint8Array, width: number, height: number, depth: number, rowBytes: number): Uint16Array {
  const out = new Uint16Array(width * height);
  const mask = (1 << Math.min(8, depth)) - 1;
  for (let y = 0; y < height; y++) {
    const start = y * (rowBytes + 1) + 1;
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      const at = start + (bit >> 3);
      out[y * width + x] = depth === 16 ? (raw[at] << 8) | raw[at + 1] : (raw[at] >> (8 - depth - (bit & 7))) & mask;
    }
  }
  return out;
}

/** How many pixels each class has. */
export function classCounts(map: ClassMap): Map<number, number> {
  const counts = new Map<number, number>();
  for (const id of map.classes) counts.set(id, (counts.get(id) ?? 0) + 1);
  return new Map([...counts].sort((a, b) => a[0] - b[0]));
}
