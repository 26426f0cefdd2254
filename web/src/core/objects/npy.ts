/** Reads the head and first numbers of a NumPy array file. Objects and pickles are never read. Pure. */

export interface NpyArray {
  dtype: string;
  shape: number[];
  /** The first values, row by row. */
  values: (number | bigint | boolean)[];
}

const NAMES: Record<string, string> = {
  f2: "float16", f4: "float32", f8: "float64", i1: "int8", i2: "int16", i4: "int32", i8: "int64", u1: "uint8", u2: "uint16", u4: "uint32", u8: "uint64", b1: "bool",
};

function readValue(view: DataView, kind: string, at: number, little: boolean): number | bigint | boolean {
  switch (kind) {
    case "f4": return view.getFloat32(at, little);
    case "f8": return view.getFloat64(at, little);
    case "f2": return half(view.getUint16(at, little));
    case "i1": return view.getInt8(at);
    case "i2": return view.getInt16(at, little);
    case "i4": return view.getInt32(at, little);
    case "i8": return view.getBigInt64(at, little);
    case "u2": return view.getUint16(at, little);
    case "u4": return view.getUint32(at, little);
    case "u8": return view.getBigUint64(at, little);
    case "b1": return view.getUint8(at) !== 0;
    default: return view.getUint8(at);
  }
}

function half(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits >> 15 ? -1 : 1;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** Reads an array, or as much of it as `bytes` hold. Throws an Error that says what is wrong. */
export function readNpy(bytes: Uint8Array, most: number): NpyArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || String.fromCharCode(...bytes.subarray(1, 6)) !== "NUMPY") throw new Error("this is no NumPy array");
  const wide = bytes[6] >= 2;
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const start = (wide ? 12 : 10) + length;
  const head = new TextDecoder().decode(bytes.subarray(wide ? 12 : 10, start));
  const descr = /'descr':\s*'([<>|=]?)([a-z]\d+)'/.exec(head);
  const shape = /'shape':\s*\(([^)]*)\)/.exec(head);
  if (!descr || !shape) throw new Error("the head of the array cannot be read");
  const [, order, kind] = descr;
  const sizes = shape[1].split(",").map((s) => s.trim()).filter(Boolean).map(Number);
  const array: NpyArray = { dtype: NAMES[kind] ?? kind, shape: sizes, values: [] };
  if (!(kind in NAMES)) return array;
  const width = Number(kind.slice(1));
  const count = sizes.reduce((product, s) => product * s, 1);
  for (let i = 0; i < Math.min(count, most) && start + (i + 1) * width <= bytes.length; i++) array.values.push(readValue(view, kind, start + i * width, order !== ">"));
  return array;
}
