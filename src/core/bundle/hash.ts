import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import { FORMAT } from "./manifest.ts";

interface RunningHash {
  update(data: Uint8Array): RunningHash;
  digest(): Uint8Array;
}

/** The platform's own, as in `../hash.ts`: several times as fast. */
const native = (
  globalThis as {
    process?: {
      getBuiltinModule?: (
        name: string,
      ) => { createHash?: (algorithm: "sha256") => RunningHash } | undefined;
    };
  }
).process?.getBuiltinModule?.("node:crypto")?.createHash;

/** One entry of a bundle. */
export interface Entry {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * The running SHA-256 of a bundle: of `openagents-bundle` and a newline, then for each entry before
 * `end.json` its name, a zero byte, its length in decimal, a zero byte, and its bytes.
 */
export class BundleHash {
  readonly #hash: RunningHash = (native?.("sha256") ?? sha256.create()).update(
    utf8ToBytes(`${FORMAT}\n`),
  );

  add({ name, bytes }: Entry): void {
    this.#hash.update(utf8ToBytes(`${name}\0${bytes.length}\0`)).update(bytes);
  }

  /** 32 bytes. Nothing can be added then. */
  digest(): Uint8Array {
    return new Uint8Array(this.#hash.digest());
  }
}
