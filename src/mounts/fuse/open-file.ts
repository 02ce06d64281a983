/** An open file, as the kernel reads and writes it. What goes wrong is thrown, or rejected, as it is. */
export interface OpenFile {
  /** At most `size` bytes from `offset`; none at the end. */
  read(offset: number, size: number, waiting: Waiting): Promise<Uint8Array> | Uint8Array;
  /** Takes `data`, which is not changed by anybody. */
  write(offset: number, data: Uint8Array): Promise<void> | void;
  /** What was written is to be where it belongs: close(2) says how that went. */
  flush(): Promise<void> | void;
  /** The same for fsync(2). */
  sync(): Promise<void> | void;
  truncate(size: number): Promise<void> | void;
  /** It is no longer open. The result is awaited by nobody but those who look at its directory. */
  release(): Promise<void> | void;
  /**
   * Bytes, when something was written that the service does not have yet; `kept` are those that it has.
   */
  sizeNow?(kept: number | undefined): number | undefined;
  /** True when a read would not block. Absent: it never does. */
  readonly ready?: boolean;
  /** Calls `wake` once, when a read would not block any more. */
  wake?(wake: () => void): void;
}

/** A request that waits for its answer. */
export interface Waiting {
  /** Called when nobody waits any more. */
  onInterrupt: (() => void) | undefined;
}

export const EMPTY: Uint8Array = new Uint8Array(0);
