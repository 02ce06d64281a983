import { toMs } from "../../core/duration.ts";
import type { RuntimeDefinition } from "../../core/runtime-definition.ts";
import type { AgentRecord } from "../../core/agent.ts";
import type { Carrier, Clock, Random, Signer, Store } from "../../core/ports/index.ts";
import type { Runtime } from "../../core/runtime.ts";
import { nostrDriver, storeResidents } from "../../drivers/nostr.ts";
import type { NostrMetrics } from "../../drivers/nostr.ts";
import type { Secp } from "../../identity/secp.ts";
import { relayFile } from "./relay-file.ts";
import { connectRelay } from "./relay-socket.ts";

/** The agents of this machine on Nostr relays. */
export interface LocalRelays {
  readonly carrier: Carrier;
  /** Tells the relays of an agent that is new here. */
  settled(agent: AgentRecord): void;
  /** Begins to read and write; there is nothing before. */
  start(runtime: Runtime): Promise<void>;
  metrics(): NostrMetrics;
  /** Idempotent. */
  stop(): Promise<void>;
}

export interface LocalRelaysOptions {
  readonly relays: readonly string[];
  readonly definition: RuntimeDefinition;
  readonly store: Store;
  readonly signer: Signer;
  readonly secp: Secp;
  readonly clock: Clock;
  readonly random: Random;
  /** Where it is noted how far relays were read. */
  readonly file: string;
  readonly warn: (text: string) => void;
}

/** How long after mail could be carried the courier is told, so that it is told once of much, ms. */
const GATHER = 50;

/** @throws CONFIG for an address that is none of a relay */
export function localRelays(options: LocalRelaysOptions): LocalRelays {
  const { relays, definition, store, signer, secp, clock, random, file, warn } = options;
  const residents = storeResidents({ directory: store, signer, agents: definition.agents });
  let running: Runtime | undefined;
  let telling: (() => void) | undefined;
  const carried = (): void => {
    telling ??= clock.after(GATHER, () => {
      telling = undefined;
      running?.takeUp().catch((error: unknown) => warn(`Cannot take up mail: ${String(error)}`));
    });
  };
  const notes = relayFile(file);
  const { limits } = definition;
  const driver = nostrDriver({
    relays,
    residents,
    cursors: notes.cursors,
    announced: notes.announced,
    clock,
    random,
    secp,
    payloadLength: limits.envelopeBytes,
    dedup: toMs(limits.dedup),
    lock: signer.lock,
    connect: connectRelay,
    carried,
    warn,
  });
  let stop: (() => Promise<void>) | undefined;
  return {
    carrier: driver.carrier,
    settled: (agent) => residents.settled(agent),
    async start(runtime) {
      running = runtime;
      stop = await driver.start((mail) => runtime.accept(mail));
    },
    metrics: () => driver.metrics(),
    async stop() {
      running = undefined;
      telling?.();
      await stop?.();
      notes.close();
    },
  };
}
