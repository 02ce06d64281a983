import { systemRandom } from "../../src/core/system.ts";
import { ConversationKeys } from "../../src/identity/conversation-keys.ts";
import { memorySigner } from "../../src/identity/memory-signer.ts";
import { conversationKey, decrypt, encrypt } from "../../src/identity/nip44.ts";
import { giftWrap, rumorOf, unwrap } from "../../src/identity/nip59.ts";
import { loadWasmSecp } from "../../src/identity/secp-wasm.ts";
import { nobleSecp } from "../../src/identity/secp.ts";
import type { Secp } from "../../src/identity/secp.ts";
import type { Bench, Figures } from "../bench.ts";
import { median, round } from "../measure.ts";

/** Bytes of a text that is sealed: a short message with its envelope. */
const TEXT = new Uint8Array(200).fill(97);
const OWN = new Uint8Array(32).fill(1);
const PEER = new Uint8Array(32).fill(2);

/** Payloads of NIP-44 sealed a second with the conversation's key at hand, beside without. */
export async function nip44Seal(bench: Bench): Promise<Figures> {
  const seal = (key: Uint8Array): string => encrypt(TEXT, key, systemRandom.bytes(32));
  return nip44(bench, seal);
}

/** The same, opened. */
export async function nip44Open(bench: Bench): Promise<Figures> {
  const payload = encrypt(
    TEXT,
    conversationKey(OWN, nobleSecp.publicKey(PEER)),
    new Uint8Array(32),
  );
  return nip44(bench, (key) => decrypt(payload, key));
}

async function nip44(bench: Bench, use: (key: Uint8Array) => unknown): Promise<Figures> {
  const { payloads, signatures } = bench.sizes;
  const peer = nobleSecp.publicKey(PEER);
  const wasm = await wasmSecp(bench);
  const keys = new ConversationKeys({ secp: wasm });
  const rates = await byTurns(bench, [
    [payloads, () => use(keys.get("own", peer, () => OWN))],
    [signatures, () => use(conversationKey(OWN, peer, nobleSecp))],
    [signatures, () => use(conversationKey(OWN, peer, wasm))],
  ]);
  return figures(rates, ([, noble, fast]) => `key not cached: noble ${noble}/s, WASM ${fast}/s`);
}

/** BIP-340 signatures made a second by the WASM curve, beside noble. */
export async function schnorrSign(bench: Bench): Promise<Figures> {
  const message = new Uint8Array(32).fill(3);
  return curves(bench, (secp) => secp.sign(message, OWN, systemRandom.bytes(32)));
}

/** The same, verified. */
export async function schnorrVerify(bench: Bench): Promise<Figures> {
  const message = new Uint8Array(32).fill(3);
  const signature = nobleSecp.sign(message, OWN, new Uint8Array(32));
  const publicKey = nobleSecp.publicKey(OWN);
  return curves(bench, (secp) => secp.verify(signature, message, publicKey));
}

/** Gift wraps (NIP-59) of a short message made a second, the seal's key being cached. */
export async function giftwrapMake(bench: Bench): Promise<Figures> {
  return curves(bench, (secp) => {
    const { signer, rumor, peer, options } = letter(secp);
    return giftWrap(signer, rumor, peer, options);
  });
}

/** The same, opened and checked. */
export async function giftwrapOpen(bench: Bench): Promise<Figures> {
  const { signer, rumor, peer, options } = letter(nobleSecp);
  const wrap = await giftWrap(signer, rumor, peer, options);
  return curves(bench, (secp) => unwrap(letter(secp).reader, wrap, { ...options, secp }));
}

const letters = new Map<Secp, ReturnType<typeof newLetter>>();

function letter(secp: Secp): ReturnType<typeof newLetter> {
  const made = letters.get(secp) ?? newLetter(secp);
  letters.set(secp, made);
  return made;
}

function newLetter(secp: Secp) {
  const [signer, reader] = [memorySigner(OWN, { secp }), memorySigner(PEER, { secp })];
  const now = Date.now();
  const created_at = Math.floor(now / 1000);
  const content = new TextDecoder().decode(TEXT);
  const rumor = rumorOf({ kind: 14, created_at, tags: [], content }, signer.publicKey);
  return {
    signer,
    reader,
    rumor,
    peer: reader.publicKey,
    options: { now, random: systemRandom, secp },
  };
}

async function curves(bench: Bench, use: (secp: Secp) => unknown): Promise<Figures> {
  const wasm = await wasmSecp(bench);
  const { signatures } = bench.sizes;
  const rates = await byTurns(bench, [
    [signatures * 8, () => use(wasm)],
    [signatures, () => use(nobleSecp)],
  ]);
  return figures(rates, ([, noble]) => `noble: ${noble}/s`);
}

function wasmSecp(bench: Bench): Promise<Secp> {
  return bench.once("wasm", async () => (await loadWasmSecp())!);
}

function figures(rates: readonly number[], against: (rates: readonly string[]) => string): Figures {
  const [value, floor] = rates as [number, number];
  const shown = rates.map((rate) => round(rate).toLocaleString("en"));
  return { value: round(value), unit: "/s", ratio: round(value / floor), against: against(shown) };
}

/**
 * How often in a second of one core each of these is done, so that whatever else the machine does
 * takes nothing from it: the median of rounds in which they take turns.
 */
async function byTurns(
  bench: Bench,
  works: readonly (readonly [count: number, work: () => unknown])[],
): Promise<number[]> {
  const rates = works.map((): number[] => []);
  for (let i = 0; i < bench.sizes.rounds; i += 1) {
    for (const [at, [count, work]] of works.entries()) {
      const start = process.threadCpuUsage();
      for (let n = 0; n < count; n += 1) await work();
      const { user, system } = process.threadCpuUsage(start);
      rates[at]!.push((1_000_000 * count) / (user + system));
    }
  }
  return rates.map(median);
}
