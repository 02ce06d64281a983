import { setTimeout as sleep } from "node:timers/promises";
import type { Envelope } from "../../../src/core/envelope.ts";
import type { Receipt, Sink } from "../../../src/core/ports/index.ts";
import { systemRandom } from "../../../src/core/system.ts";
import { nostrDriver } from "../../../src/drivers/nostr.ts";
import type {
  NostrDriver,
  NostrOptions,
  Refusal,
  Resident,
  Residents,
} from "../../../src/drivers/nostr.ts";
import { memorySigner } from "../../../src/identity/memory-signer.ts";
import { encodeNpub } from "../../../src/identity/nip19.ts";
import { loadWasmSecp } from "../../../src/identity/secp-wasm.ts";

export const secp = (await loadWasmSecp())!;

/** An agent whose key a test has. */
export interface TestAgent extends Resident {
  readonly secret: Uint8Array;
  readonly publicKey: string;
}

/** What a driver needs beside relays, in memory, so that a second driver can go on where one ended. */
export interface Place {
  readonly agents: TestAgent[];
  /** What is in the inboxes, in the order in which it came. */
  readonly mail: Envelope[];
  readonly cursors: Map<string, number>;
  readonly announced: Map<string, string>;
  /** What the next envelopes come to; by default they are taken, or are duplicates. */
  sink: Sink;
  /** Adds an agent while a driver runs. */
  settle(agent: TestAgent): void;
  readonly residents: Residents;
}

export interface Home extends Place, AsyncDisposable {
  readonly driver: NostrDriver;
  readonly warnings: string[];
  refused(reason: Refusal): number;
  stop(): Promise<void>;
}

export function agent(profile?: Resident["profile"]): TestAgent {
  const secret = systemRandom.bytes(32);
  const signer = memorySigner(secret, { secp });
  return {
    secret,
    signer,
    publicKey: signer.publicKey,
    id: encodeNpub(signer.publicKey),
    profile,
    opened: async (envelope) => envelope,
    readLegacy: (peer, payload) => signer.decryptLegacy!(peer, payload),
  };
}

/** A place for as many agents. */
export function place(count: number = 1): Place {
  const agents = Array.from({ length: count }, () => agent());
  const mail: Envelope[] = [];
  const known = new Set<string>();
  const listeners = new Set<(resident: Resident) => void>();
  const deliver = (envelope: Envelope): Receipt => {
    const key = `${envelope.to} ${envelope.id}`;
    if (known.has(key)) return "duplicate";
    known.add(key);
    mail.push(envelope);
    return "accepted";
  };
  return {
    agents,
    mail,
    cursors: new Map(),
    announced: new Map(),
    sink: async (envelopes) => envelopes.map(deliver),
    settle(added) {
      agents.push(added);
      for (const listener of listeners) listener(added);
    },
    residents: {
      find: async (publicKey) => agents.find((one) => one.publicKey === publicKey),
      async page({ cursor = "0", limit }) {
        const from = Number(cursor);
        const next = from + limit < agents.length ? String(from + limit) : undefined;
        return { items: agents.slice(from, from + limit), cursor: next };
      },
      watch(listener) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    },
  };
}

/** A driver at work for the agents of a place, with waits that do not make tests long. */
export async function home(
  relays: readonly string[],
  options: Partial<NostrOptions> & { readonly at?: Place } = {},
): Promise<Home> {
  const { at = place(), limits, ...rest } = options;
  const warnings: string[] = [];
  const driver = nostrDriver({
    relays,
    residents: at.residents,
    cursors: {
      load: async (relay) => at.cursors.get(relay),
      save: async (relay, time) => void at.cursors.set(relay, time),
    },
    announced: {
      load: async (relay, key) => at.announced.get(`${relay} ${key}`),
      save: async (relay, key, digest) => void at.announced.set(`${relay} ${key}`, digest),
    },
    secp,
    warn: (text) => warnings.push(text),
    limits: { firstWait: 20, longestWait: 200, ...limits },
    ...rest,
  });
  const end = await driver.start((mail) => at.sink(mail));
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= end());
  return Object.assign(at, {
    driver,
    warnings,
    refused: (reason: Refusal) => driver.metrics().refused[reason],
    stop,
    [Symbol.asyncDispose]: stop,
  });
}

/** Looks again and again until something is so; fails where it does not come to be so. */
export async function until(what: () => unknown): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await what())) {
    if (Date.now() > end) throw new Error(`It did not come to be: ${String(what)}`);
    await sleep(5);
  }
}

/** An envelope of an agent, as the courier has it. */
export function envelope(
  from: Pick<TestAgent, "id">,
  to: string,
  more: Partial<Envelope> = {},
): Envelope {
  return {
    id: crypto.randomUUID(),
    sentAt: Date.now(),
    source: "agent",
    from: from.id,
    to,
    type: "message",
    payload: "hello",
    ...more,
  };
}

/** The texts of mail, in order. */
export function texts(mail: readonly Envelope[]): readonly unknown[] {
  return mail.map(({ payload }) => payload);
}
