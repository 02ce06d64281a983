import { OPCODE } from "../../src/mounts/fuse/protocol.ts";

/** What a frame says besides its body. */
export interface FrameHead {
  readonly unique?: number;
  readonly node?: number;
}

/** A frame as the kernel sends it. Numbers in `body` are of 64 bits, in arrays of 32. */
export function frame(
  opcode: keyof typeof OPCODE | number,
  body: readonly (number | readonly number[] | string | Uint8Array)[] = [],
  { unique = 2, node = 1 }: FrameHead = {},
): Uint8Array {
  const parts = body.map((part) => {
    if (typeof part === "string") return Buffer.from(`${part}\0`);
    if (part instanceof Uint8Array) return Buffer.from(part);
    if (typeof part !== "number") return Buffer.from(Uint32Array.from(part).buffer);
    return Buffer.from(BigUint64Array.of(BigInt(part)).buffer);
  });
  const header = Buffer.alloc(40);
  header.writeUInt32LE(40 + parts.reduce((sum, part) => sum + part.byteLength, 0), 0);
  header.writeUInt32LE(typeof opcode === "number" ? opcode : OPCODE[opcode], 4);
  header.writeBigUInt64LE(BigInt(unique), 8);
  header.writeBigUInt64LE(BigInt(node), 16);
  header.writeUInt32LE(1234, 32);
  return new Uint8Array(Buffer.concat([header, ...parts]));
}
