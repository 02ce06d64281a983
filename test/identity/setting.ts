import { readFileSync } from "node:fs";

import type { Random } from "../../src/core/ports/index.ts";
import { memorySigner } from "../../src/identity/memory-signer.ts";
import { loadWasmSecp, wasmSecp } from "../../src/identity/secp-wasm.ts";
import { nobleSecp } from "../../src/identity/secp.ts";
import type { Secp } from "../../src/identity/secp.ts";
import type { EventSigner } from "../../src/identity/event-signer.ts";

/** In workerd the Worker's entry puts it there, which imports it as a module. */
const { curveModule } = globalThis as { readonly curveModule?: object };

/** The fast curve, which the tests always have. */
export const wasm: Secp =
  curveModule === undefined ? (await loadWasmSecp())! : wasmSecp(curveModule);

/** Both curves, by name. What one does the other must do too. */
export const CURVES: readonly (readonly [name: string, secp: Secp])[] = [
  ["noble", nobleSecp],
  ["wasm", wasm],
];

/** A file of official vectors. */
export function vectors(name: string): string {
  return readFileSync(new URL(`../vectors/${name}`, import.meta.url), "utf8");
}

/** The same, of JSON. */
export function jsonVectors(name: string): unknown {
  return JSON.parse(vectors(name));
}

/** Random bytes that are the same in each run. */
export function seeded(seed: number): Random {
  let state = seed + 1;
  return {
    bytes: (length) =>
      Uint8Array.from({ length }, () => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
        return state >>> 16;
      }),
  };
}

/** A private key that is the same in each run. */
export function secretOf(seed: number): Uint8Array {
  return seeded(seed).bytes(32);
}

/** A signer of such a key, by the fast curve. */
export function someone(seed: number): EventSigner {
  return memorySigner(secretOf(seed), { secp: wasm });
}

/** The time that tests begin at, in ms and in s. */
export const NOW = 1_800_000_000_000;
export const SECONDS = NOW / 1000;
