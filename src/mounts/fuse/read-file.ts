import type { OpenFile } from "./open-file.ts";
import { Snapshot } from "./snapshot.ts";
import type { SnapshotOf } from "./snapshot.ts";

/** A file that is only read: a moment of it. Of a stream, what there is of it now. */
export class ReadFile implements OpenFile {
  readonly #snapshot: Snapshot;

  constructor(of: SnapshotOf) {
    this.#snapshot = new Snapshot(of);
  }

  read(offset: number, size: number): Promise<Uint8Array> {
    return this.#snapshot.read(offset, size);
  }

  /** The kernel lets nobody write to what is open for reading. */
  write(): void {}

  truncate(): void {}

  flush(): void {}

  sync(): void {}

  release(): void {}
}
