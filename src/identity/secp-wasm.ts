import { hexToBytes } from "@noble/hashes/utils.js";

import { OpenAgentsError } from "../core/errors.ts";
import { nobleCurve, secpOver } from "./secp.ts";
import type { Curve, Secp } from "./secp.ts";

/** A compiled `WebAssembly.Module`, of which not every set of types knows. */
export type WasmModule = object;

/** What of the exports of tiny-secp256k1 2.2.4 is used: places in its memory, and what works on them. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly PRIVATE_INPUT: Place;
  readonly PUBLIC_KEY_INPUT: Place;
  readonly X_ONLY_PUBLIC_KEY_INPUT: Place;
  readonly TWEAK_INPUT: Place;
  readonly HASH_INPUT: Place;
  readonly EXTRA_DATA_INPUT: Place;
  readonly SIGNATURE_INPUT: Place;
  isPoint(length: number): number;
  xOnlyPointFromScalar(): number;
  pointMultiply(length: number, resultLength: number): number;
  signSchnorr(extraData: 0 | 1): void;
  verifySchnorr(): number;
}

interface Place {
  readonly value: number;
}

const { WebAssembly } = globalThis as unknown as {
  readonly WebAssembly: {
    readonly Instance: new (module: WasmModule, imports: object) => { readonly exports: unknown };
    compile(bytes: Uint8Array): Promise<WasmModule>;
  };
};

/** The second signing vector of BIP-340. */
const KNOWN = {
  secret: "b7e151628aed2a6abf7158809cf4f3c762e7160f38b4da56a784d9045190cfef",
  publicKey: "dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659",
  aux: "0000000000000000000000000000000000000000000000000000000000000001",
  message: "243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89",
  signature:
    "6896bd60eeae296db48a229ff71dfe071bde413e6d43f917dc8dcf8c78de33418906d11ac976abccb20b091292bff4ea897efcb639ea871cfa95f6de339e4b0a",
} as const;

/**
 * The curve by libsecp256k1, about ten times as fast as `nobleSecp` and the same in what it gives and
 * refuses. A Worker passes in the module that it imports, as it may not compile one:
 *
 * ```ts
 * import curve from "./node_modules/tiny-secp256k1/lib/secp256k1.wasm";
 * cloudflare(runtime, { secp: wasmSecp(curve) });
 * ```
 *
 * It is put to work when it is first used, and then throws INVALID when the module is another one or
 * does not know what is known.
 * @param module `secp256k1.wasm` of tiny-secp256k1 2.2.4, compiled
 */
export function wasmSecp(module: WasmModule): Secp {
  return secpOver(new WasmCurve(module));
}

/**
 * `wasmSecp` where tiny-secp256k1 is installed, an optional peer of this package, and where a module
 * may be compiled, as in Node; elsewhere, and so in a Worker, undefined. For the start: who has
 * chosen a curve stays with it.
 * @throws INVALID when the package is there and is not the one that is known
 */
export async function loadWasmSecp(): Promise<Secp | undefined> {
  const { process } = globalThis as { readonly process?: NodeProcess };
  const files = process?.getBuiltinModule?.("node:fs");
  if (files === undefined) return undefined;
  let bytes: Uint8Array;
  try {
    // No import of the package: bundlers would follow it to modules that work in Node alone.
    const entry = import.meta.resolve("tiny-secp256k1");
    bytes = files.readFileSync(new URL("secp256k1.wasm", entry));
  } catch {
    return undefined;
  }
  const secp = wasmSecp(await WebAssembly.compile(bytes));
  secp.publicKey(hexToBytes(KNOWN.secret));
  return secp;
}

interface NodeProcess {
  getBuiltinModule?(name: "node:fs"): { readFileSync(path: URL): Uint8Array } | undefined;
}

class WasmCurve implements Curve {
  readonly #module: WasmModule;
  #exports: Exports | undefined;

  constructor(module: WasmModule) {
    this.#module = module;
  }

  publicKey(secret: Uint8Array): Uint8Array {
    return this.#work((wasm, memory) => {
      memory.set(secret, wasm.PRIVATE_INPUT.value);
      wasm.xOnlyPointFromScalar();
      return taken(memory, wasm.X_ONLY_PUBLIC_KEY_INPUT, 32);
    });
  }

  sign(message: Uint8Array, secret: Uint8Array, aux: Uint8Array): Uint8Array {
    // It has room for 32 bytes, which is what Nostr signs.
    if (message.length !== 32) return nobleCurve.sign(message, secret, aux);
    return this.#work((wasm, memory) => {
      memory.set(message, wasm.HASH_INPUT.value);
      memory.set(secret, wasm.PRIVATE_INPUT.value);
      memory.set(aux, wasm.EXTRA_DATA_INPUT.value);
      wasm.signSchnorr(1);
      return taken(memory, wasm.SIGNATURE_INPUT, 64);
    });
  }

  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
    if (message.length !== 32) return nobleCurve.verify(signature, message, publicKey);
    return this.#work((wasm, memory) => {
      if (!putPoint(wasm, memory, publicKey)) return false;
      memory.set(publicKey, wasm.X_ONLY_PUBLIC_KEY_INPUT.value);
      memory.set(message, wasm.HASH_INPUT.value);
      memory.set(signature, wasm.SIGNATURE_INPUT.value);
      return wasm.verifySchnorr() === 1;
    });
  }

  sharedX(secret: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined {
    return this.#work((wasm, memory) => {
      if (!putPoint(wasm, memory, publicKey)) return undefined;
      memory.set(secret, wasm.TWEAK_INPUT.value);
      if (wasm.pointMultiply(33, 33) !== 1) return undefined;
      return taken(memory, wasm.PUBLIC_KEY_INPUT, 33).slice(1);
    });
  }

  /** Does something with the exports and their memory, in which no secret stays. */
  #work<T>(use: (wasm: Exports, memory: Uint8Array) => T): T {
    const wasm = this.#started();
    const memory = new Uint8Array(wasm.memory.buffer);
    try {
      return use(wasm, memory);
    } catch (error) {
      // What is thrown out of it leaves its stack as it was, and some thousands of such errors use
      // that up. None should come, but an instance that had one is not used again.
      this.#exports = undefined;
      throw error;
    } finally {
      wipe(memory, wasm.PRIVATE_INPUT, 32);
      wipe(memory, wasm.TWEAK_INPUT, 32);
      wipe(memory, wasm.PUBLIC_KEY_INPUT, 33);
    }
  }

  /** The exports, made at first use: a Worker has no randomness before its first request. */
  #started(): Exports {
    if (this.#exports !== undefined) return this.#exports;
    let cause: unknown;
    try {
      this.#exports = instantiate(this.#module);
      if (knows(this)) return this.#exports;
    } catch (error) {
      cause = error;
    }
    this.#exports = undefined;
    throw new OpenAgentsError(
      "INVALID",
      "Cannot use WASM curve: the module is not secp256k1.wasm of tiny-secp256k1 2.2.4",
      { cause },
    );
  }
}

/** Puts a point where it is to be worked on. False when it is none, which the rest answers badly. */
function putPoint(wasm: Exports, memory: Uint8Array, publicKey: Uint8Array): boolean {
  const { value } = wasm.PUBLIC_KEY_INPUT;
  memory[value] = 2;
  memory.set(publicKey, value + 1);
  return wasm.isPoint(33) === 1;
}

function taken(memory: Uint8Array, { value }: Place, length: number): Uint8Array {
  return memory.slice(value, value + length);
}

function wipe(memory: Uint8Array, { value }: Place, length: number): void {
  memory.fill(0, value, value + length);
}

function instantiate(module: WasmModule): Exports {
  const { exports } = new WebAssembly.Instance(module, {
    "./rand.js": { generateInt32: () => crypto.getRandomValues(new Int32Array(1))[0] },
    "./validate_error.js": {
      throwError(code: number) {
        throw new Error(`Error ${code} of the curve`);
      },
    },
  });
  return exports as Exports;
}

/** True when a curve gives what BIP-340 says it must. */
function knows(curve: Curve): boolean {
  const [secret, publicKey, aux, message, signature] = [
    hexToBytes(KNOWN.secret),
    hexToBytes(KNOWN.publicKey),
    hexToBytes(KNOWN.aux),
    hexToBytes(KNOWN.message),
    hexToBytes(KNOWN.signature),
  ];
  return (
    same(curve.publicKey(secret), publicKey) &&
    same(curve.sign(message, secret, aux), signature) &&
    curve.verify(signature, message, publicKey) &&
    !curve.verify(signature, secret, publicKey)
  );
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
