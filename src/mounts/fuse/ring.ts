import { MAX_WRITE } from "./protocol.ts";

// Frames go from the thread that reads them to the one that answers them through shared memory: a
// message each would cost more than all the rest.

/** The most bytes of a frame, and what the kernel wants a reader to have room for. */
export const FRAME_BYTES: number = MAX_WRITE + 4096;

/** What both threads share. */
export interface RingMemory {
  readonly bytes: SharedArrayBuffer;
  readonly control: SharedArrayBuffer;
}

const RING_BYTES = 8 << 20;
/** Before a frame: how long it is. Frames begin at multiples of it. */
const PREFIX = 8;
const NEED = PREFIX + FRAME_BYTES + PREFIX;
/** In place of a length: the next frame is at the start of the ring. */
const WRAP = 0xffff_ffff;

/** The fields of `control`: where the next frame goes, where the oldest is, whether the taker sleeps. */
const HEAD = 0;
const TAIL = 1;
const ASLEEP = 2;

export function newRing(): RingMemory {
  return { bytes: new SharedArrayBuffer(RING_BYTES), control: new SharedArrayBuffer(12) };
}

/** The side that puts frames in. It blocks its thread while there is no room. */
export class RingWriter {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #control: Int32Array;
  #head = 0;

  constructor(memory: RingMemory) {
    this.#bytes = new Uint8Array(memory.bytes);
    this.#view = new DataView(memory.bytes);
    this.#control = new Int32Array(memory.control);
  }

  /** Room for the next frame. */
  room(): Uint8Array {
    for (;;) {
      const tail = Atomics.load(this.#control, TAIL);
      if (this.#head < tail) {
        if (tail - this.#head > NEED) break;
      } else if (RING_BYTES - this.#head >= NEED) {
        break;
      } else if (tail > NEED) {
        this.#view.setUint32(this.#head, WRAP, true);
        this.#head = 0;
        Atomics.store(this.#control, HEAD, 0);
        break;
      }
      Atomics.wait(this.#control, TAIL, tail);
    }
    const start = this.#head + PREFIX;
    return this.#bytes.subarray(start, start + FRAME_BYTES);
  }

  /** The room that was given last holds a frame of so many bytes. True when the taker must be woken. */
  push(length: number): boolean {
    this.#view.setUint32(this.#head, length, true);
    this.#head += PREFIX + ((length + PREFIX - 1) & ~(PREFIX - 1));
    Atomics.store(this.#control, HEAD, this.#head);
    return Atomics.exchange(this.#control, ASLEEP, 0) === 1;
  }
}

/** The side that takes frames out. */
export class RingReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #control: Int32Array;
  #tail = 0;

  constructor(memory: RingMemory) {
    this.#bytes = new Uint8Array(memory.bytes);
    this.#view = new DataView(memory.bytes);
    this.#control = new Int32Array(memory.control);
    Atomics.store(this.#control, ASLEEP, 1);
  }

  /** The oldest frame, as a copy; undefined when there is none: then a push says that it must be woken. */
  take(): Uint8Array | undefined {
    if (this.#tail === Atomics.load(this.#control, HEAD)) {
      Atomics.store(this.#control, ASLEEP, 1);
      // One that came in between woke nobody.
      if (this.#tail === Atomics.load(this.#control, HEAD)) return undefined;
      Atomics.store(this.#control, ASLEEP, 0);
    }
    let length = this.#view.getUint32(this.#tail, true);
    if (length === WRAP) {
      this.#tail = 0;
      if (Atomics.load(this.#control, HEAD) === 0) {
        // The writer has turned round, and is still to put a frame there.
        Atomics.store(this.#control, TAIL, 0);
        return this.take();
      }
      length = this.#view.getUint32(0, true);
    }
    const start = this.#tail + PREFIX;
    const frame = this.#bytes.slice(start, start + length);
    this.#tail = start + ((length + PREFIX - 1) & ~(PREFIX - 1));
    Atomics.store(this.#control, TAIL, this.#tail);
    Atomics.notify(this.#control, TAIL);
    return frame;
  }
}
