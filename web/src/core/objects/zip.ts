/** Reads members of a ZIP archive, such as `.npz` and `.pt2`, stored or deflated. Sizes are bounded before anything is unpacked. */

export interface Member {
  name: string;
  method: number;
  /** Bytes in the archive and unpacked. */
  packed: number;
  size: number;
  /** Where its local header begins. */
  offset: number;
}

const END = 0x06054b50;
const END_64 = 0x06064b50;
const CENTRAL = 0x02014b50;
const END_SIZE = 22;
const MOST_COMMENT = 65_535;
const STORED = 0;
const DEFLATED = 8;

/** Gives bytes `[from, to)` of the archive. */
export type Reader = (from: number, to: number) => Promise<Uint8Array>;

export const readerOf = (bytes: Uint8Array): Reader => async (from, to) => bytes.subarray(from, to);

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The members of an archive of `size` bytes. Throws an Error that says what is wrong. */
export async function readMembers(read: Reader, size: number): Promise<Member[]> {
  const from = Math.max(0, size - END_SIZE - MOST_COMMENT);
  const tail = await read(from, size);
  const view = viewOf(tail);
  let end = tail.length - END_SIZE;
  while (end >= 0 && view.getUint32(end, true) !== END) end--;
  if (end < 0) throw new Error("this is no ZIP archive");
  let length = view.getUint32(end + 12, true);
  let start = view.getUint32(end + 16, true);
  if (start === 0xffffffff || length === 0xffffffff) {
    let end64 = end - 56;
    while (end64 >= 0 && view.getUint32(end64, true) !== END_64) end64--;
    if (end64 < 0) throw new Error("the directory of the archive is missing");
    length = Number(view.getBigUint64(end64 + 40, true));
    start = Number(view.getBigUint64(end64 + 48, true));
  }
  if (start + length > size || length > 16 * 1_048_576) throw new Error("the directory of the archive is damaged");
  return readDirectory(start >= from ? tail.subarray(start - from, start - from + length) : await read(start, start + length));
}

function readDirectory(bytes: Uint8Array): Member[] {
  const view = viewOf(bytes);
  const members: Member[] = [];
  for (let at = 0; at + 46 <= bytes.length && view.getUint32(at, true) === CENTRAL; ) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((k) => view.getUint16(at + k, true));
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    const member = { name, method: view.getUint16(at + 10, true), packed: view.getUint32(at + 20, true), size: view.getUint32(at + 24, true), offset: view.getUint32(at + 42, true) };
    widen(member, view, at + 46 + nameLength, extraLength);
    members.push(member);
    at += 46 + nameLength + extraLength + commentLength;
  }
  return members;
}

/** Numbers past 4 GiB stand in an extra field. */
function widen(member: Member, view: DataView, at: number, length: number): void {
  for (const end = at + length; at + 4 <= end; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue;
    let field = at + 4;
    for (const key of ["size", "packed", "offset"] as const) {
      if (member[key] !== 0xffffffff || field + 8 > end) continue;
      member[key] = Number(view.getBigUint64(field, true));
      field += 8;
    }
  }
}

/** The bytes of a member; at most `most`. Throws an Error that says what is wrong. */
export async function readMember(read: Reader, member: Member, most: number): Promise<Uint8Array> {
  if (member.size > most || member.packed > most) throw new Error(`${member.name} is too large to be shown`);
  const head = viewOf(await read(member.offset, member.offset + 30));
  const start = member.offset + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const packed = await read(start, start + member.packed);
  if (member.method === STORED) return packed;
  if (member.method !== DEFLATED) throw new Error(`${member.name} is packed in a way that is not known here`);
  const stream = new Blob([packed.slice()]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const out = new Uint8Array(member.size);
  let at = 0;
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return out.subarray(0, at);
    if (at + value.length > member.size) throw new Error(`${member.name} unpacks to more than it says`);
    out.set(value, at);
    at += value.length;
  }
}
