/**
 * Decodes `application/vnd.epochal.columns` (docs/internals/wire.md, "Columns").
 *
 * Promises: a column is a view into the response, never a copy; a damaged or truncated body gives a ColumnsError that
 * says what is wrong and is never read past its end. Needs a little-endian machine, as every browser's is.
 */

export type ColumnArray = Uint8Array | Uint16Array | Uint32Array | BigInt64Array | Float32Array | Float64Array;

export interface ColumnMessage<Head> {
  head: Head;
  columns: Map<string, ColumnArray>;
}

interface ColumnEntry {
  name: string;
  dtype: string;
  length: number;
  offset: number;
}

const MAGIC = "EPCOLS01";
const ALIGN = 8;
const PREFIX = 16;

const KINDS: Record<string, { bytes: number; view: (b: ArrayBuffer, at: number, n: number) => ColumnArray }> = {
  u8: { bytes: 1, view: (b, at, n) => new Uint8Array(b, at, n) },
  u16: { bytes: 2, view: (b, at, n) => new Uint16Array(b, at, n) },
  u32: { bytes: 4, view: (b, at, n) => new Uint32Array(b, at, n) },
  i64: { bytes: 8, view: (b, at, n) => new BigInt64Array(b, at, n) },
  f32: { bytes: 4, view: (b, at, n) => new Float32Array(b, at, n) },
  f64: { bytes: 8, view: (b, at, n) => new Float64Array(b, at, n) },
};

export class ColumnsError extends Error {
  override name = "ColumnsError";
}

/**
 * Reads one message.
 *
 * @throws ColumnsError when the body is not a whole, well-formed message.
 */
export function decodeColumns<Head>(body: ArrayBuffer): ColumnMessage<Head> {
  if (body.byteLength < PREFIX) {
    throw new ColumnsError(`the answer has ${body.byteLength} bytes, a column message has at least ${PREFIX}`);
  }
  const magic = String.fromCharCode(...new Uint8Array(body, 0, 8));
  if (magic !== MAGIC) throw new ColumnsError(`the answer starts with "${magic}", expected "${MAGIC}"`);
  const headLength = new DataView(body).getUint32(8, true);
  const base = PREFIX + headLength;
  if (headLength % ALIGN !== 0 || base > body.byteLength) {
    throw new ColumnsError(`the head claims ${headLength} bytes, the answer has ${body.byteLength - PREFIX}`);
  }
  const head = parseHead<Head>(body, headLength);
  const columns = new Map<string, ColumnArray>();
  for (const entry of head.columns) columns.set(entry.name, viewColumn(body, base, entry));
  return { head, columns };
}

/**
 * Reads one message that travelled as base64 inside of JSON.
 *
 * @throws ColumnsError as `decodeColumns`; a SyntaxError or DOMException when the text is no base64.
 */
export function columnsOfText<Head>(text: string): ColumnMessage<Head> {
  const bytes = bytesOfText(text);
  return decodeColumns<Head>(bytes.buffer);
}

function bytesOfText(text: string): Uint8Array<ArrayBuffer> {
  // Newer browsers read base64 by themselves, in no time.
  const reader = Uint8Array as typeof Uint8Array & { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> };
  if (reader.fromBase64) return reader.fromBase64(text);
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

function parseHead<Head>(body: ArrayBuffer, length: number): Head & { columns: ColumnEntry[] } {
  let head: unknown;
  try {
    head = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(body, PREFIX, length)));
  } catch (error) {
    throw new ColumnsError(`the head of the answer is no JSON: ${String(error)}`);
  }
  if (typeof head !== "object" || head === null || !Array.isArray((head as { columns?: unknown }).columns)) {
    throw new ColumnsError("the head of the answer lists no columns");
  }
  return head as Head & { columns: ColumnEntry[] };
}

function viewColumn(body: ArrayBuffer, base: number, entry: ColumnEntry): ColumnArray {
  const kind = KINDS[entry.dtype];
  if (!kind) throw new ColumnsError(`column "${entry.name}" has the unknown type "${entry.dtype}"`);
  const { length, offset } = entry;
  const sane = Number.isInteger(length) && Number.isInteger(offset) && length >= 0 && offset >= 0 && offset % ALIGN === 0;
  if (!sane || base + offset + length * kind.bytes > body.byteLength) {
    throw new ColumnsError(`column "${entry.name}" (${length} at ${offset}) does not lie inside the answer`);
  }
  return kind.view(body, base + offset, length);
}

/** The column as numbers; undefined when the message has none of that name. */
export function numbers(message: ColumnMessage<unknown>, name: string): Exclude<ColumnArray, BigInt64Array> | undefined {
  const column = message.columns.get(name);
  if (column instanceof BigInt64Array) return Float64Array.from(column, Number);
  return column;
}
