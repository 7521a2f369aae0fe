// Writes protobuf messages into one buffer that grows. The length of a message is known when it ends: a byte is left for it,
// and what follows moves where that is not enough.
// @see https://protobuf.dev/programming-guides/encoding/

const wireTypes = { varint: 0, fixed64: 1, delimited: 2, fixed32: 5 } as const;
const smallestBuffer = 1_024;
const longestInOneByte = 127;
/** Above it, a loop in JavaScript takes longer than a call of the encoder. */
const longestLooped = 200;

const utf8 = new TextEncoder();
const hexDigits = Uint8Array.from({ length: 128 }, (_, code) => Number.parseInt(String.fromCharCode(code), 16) || 0);

export class ProtobufWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #end = 0;

  /** With room for what is expected; for more, the buffer grows. */
  constructor(expectedBytes = 0) {
    this.#bytes = new Uint8Array(Math.max(expectedBytes, smallestBuffer));
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** What was written. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#end);
  }

  get length(): number {
    return this.#end;
  }

  /** Forgets what was written behind `length`. */
  cut(length: number): void {
    this.#end = length;
  }

  /** Bytes as they are: fields that were written before. */
  append(fields: Uint8Array): void {
    this.#makeRoom(fields.length);
    this.#bytes.set(fields, this.#end);
    this.#end += fields.length;
  }

  /** Begins a nested message; `endMessage` wants what this returns, and how many bytes its length probably takes. */
  beginMessage(field: number, lengthBytes = 1): number {
    this.#writeTag(field, wireTypes.delimited);
    const lengthAt = this.#end;
    this.#end += lengthBytes;
    return lengthAt;
  }

  endMessage(lengthAt: number, lengthBytes = 1): void {
    const begin = lengthAt + lengthBytes;
    const length = this.#end - begin;
    const needed = varintSize(length);
    if (needed !== lengthBytes) {
      this.#makeRoom(needed);
      this.#bytes.copyWithin(lengthAt + needed, begin, this.#end);
    }
    this.#end = lengthAt;
    this.#writeUint32(length);
    this.#end += length;
  }

  /**
   * A message of fields that were written before, and of one more field: a message whose one field is a text. All lengths are
   * known at once where the text is short and in ASCII; elsewhere nothing is written.
   */
  tryShortText(field: number, fields: Uint8Array, messageField: number, textField: number, text: string): boolean {
    const { length } = text;
    const total = fields.length + length + 4;
    if (total > longestInOneByte) {
      return false;
    }
    this.#makeRoom(total + 6);
    const begin = this.#end;
    this.#writeTag(field, wireTypes.delimited);
    const bytes = this.#bytes;
    let end = this.#end;
    bytes[end++] = total;
    bytes.set(fields, end);
    end += fields.length;
    bytes[end++] = (messageField << 3) | wireTypes.delimited;
    bytes[end++] = length + 2;
    bytes[end++] = (textField << 3) | wireTypes.delimited;
    this.#end = end;
    const isAscii = this.#tryAscii(text, length);
    if (!isAscii) {
      this.#end = begin;
    }
    return isAscii;
  }

  writeString(field: number, text: string): void {
    this.#writeTag(field, wireTypes.delimited);
    const { length } = text;
    this.#makeRoom(length * 3 + 5);
    if (length > longestLooped || !this.#tryAscii(text, length)) {
      // The length of what is not ASCII is known only when it is written: it moves to its place behind the length.
      const room = this.#bytes.subarray(this.#end + 5);
      const { written } = utf8.encodeInto(text, room);
      this.#writeUint32(written);
      this.#bytes.copyWithin(this.#end, room.byteOffset, room.byteOffset + written);
      this.#end += written;
    }
  }

  writeBytes(field: number, bytes: Uint8Array): void {
    this.#writeTag(field, wireTypes.delimited);
    this.#makeRoom(5);
    this.#writeUint32(bytes.length);
    this.append(bytes);
  }

  /** The bytes that `hex` spells: an id of a trace or a span. */
  writeHex(field: number, hex: string): void {
    this.#writeTag(field, wireTypes.delimited);
    const length = hex.length >>> 1;
    this.#makeRoom(length + 5);
    this.#writeUint32(length);
    const bytes = this.#bytes;
    let end = this.#end;
    for (let at = 0; at < length * 2; at += 2) {
      bytes[end++] = ((hexDigits[hex.charCodeAt(at)] ?? 0) << 4) | (hexDigits[hex.charCodeAt(at + 1)] ?? 0);
    }
    this.#end = end;
  }

  /** A whole number of the range of an int64. */
  writeInteger(field: number, value: number): void {
    this.#writeTag(field, wireTypes.varint);
    this.#makeRoom(10);
    if (value >= 0 && value <= 0xffff_ffff) {
      this.#writeUint32(value);
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest > 0x7fn; rest >>= 7n) {
      this.#bytes[this.#end++] = Number(rest & 0x7fn) | 0x80;
    }
    this.#bytes[this.#end++] = Number(rest);
  }

  writeFixed32(field: number, value: number): void {
    this.#writeTag(field, wireTypes.fixed32);
    this.#makeRoom(4);
    this.#view.setUint32(this.#end, value, true);
    this.#end += 4;
  }

  writeFixed64(field: number, high: number, low: number): void {
    this.#writeTag(field, wireTypes.fixed64);
    this.#makeRoom(8);
    this.#view.setUint32(this.#end, low, true);
    this.#view.setUint32(this.#end + 4, high, true);
    this.#end += 8;
  }

  writeDouble(field: number, value: number): void {
    this.#writeTag(field, wireTypes.fixed64);
    this.#makeRoom(8);
    this.#view.setFloat64(this.#end, value, true);
    this.#end += 8;
  }

  #tryAscii(text: string, length: number): boolean {
    const lengthAt = this.#end;
    this.#writeUint32(length);
    const bytes = this.#bytes;
    let end = this.#end;
    for (let at = 0; at < length; at++) {
      const code = text.charCodeAt(at);
      if (code > 0x7f) {
        this.#end = lengthAt;
        return false;
      }
      bytes[end++] = code;
    }
    this.#end = end;
    return true;
  }

  #writeTag(field: number, wireType: number): void {
    // A tag, and the bytes for the length of a message.
    this.#makeRoom(10);
    this.#writeUint32((field << 3) | wireType);
  }

  /** Expects that there is room. */
  #writeUint32(value: number): void {
    let rest = value;
    for (; rest > 0x7f; rest >>>= 7) {
      this.#bytes[this.#end++] = (rest & 0x7f) | 0x80;
    }
    this.#bytes[this.#end++] = rest;
  }

  #makeRoom(size: number): void {
    const needed = this.#end + size;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.#end));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
  }
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest >>>= 7) {
    size++;
  }
  return size;
}
