import { once } from "node:events";
import { join } from "node:path";
import { WebSocket } from "ws";
import { startRelay } from "../../scripts/relay.ts";
import type { TestRelay } from "../../scripts/relay.ts";
import { localRelays } from "../../src/backends/local/relays.ts";
import { createRuntime } from "../../src/core/create-runtime.ts";
import { defineAgent } from "../../src/core/definition.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";
import { factotum } from "../../src/core/factotum.ts";
import type { AgentInfo } from "../../src/core/runtime.ts";
import { systemClock, systemRandom } from "../../src/core/system.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import type { NostrEvent } from "../../src/identity/event.ts";
import { memorySigner } from "../../src/identity/memory-signer.ts";
import { giftWrap, rumorOf } from "../../src/identity/nip59.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";
import { loadWasmSecp } from "../../src/identity/secp-wasm.ts";
import type { Secp } from "../../src/identity/secp.ts";
import { sqlite } from "../../src/stores/sqlite.ts";
import type { Bench, Figures } from "../bench.ts";
import { round } from "../measure.ts";

const AGENTS = 50;
const SENDERS = 20;
const TEXT = "A short message, as people write them to each other. ".repeat(4).slice(0, 200);
const HEARING = 5;

const reader = defineAgent({ name: "reader", onMessage: () => undefined });

/**
 * Gift wraps a second that are read from a relay, opened, checked and durable in the inboxes of 50 agents.
 * The relay, in a process of its own, is killed and started again meanwhile, which counts as well: each
 * message has to be there, once.
 */
export async function giftwrapIngest(bench: Bench): Promise<Figures> {
  const { wraps } = bench.sizes;
  const secp = (await loadWasmSecp())!;
  const [clock, random] = [systemClock, systemRandom];
  const data = bench.directory();
  const file = join(data, "agents.db");
  const signer = factotum(derivedSigner(newMnemonic(), { secp }), clock);
  const maker = createRuntime({
    definition: defineRuntime({ agents: [reader] }),
    store: sqlite(file),
    signer,
  });
  const agents: AgentInfo[] = [];
  for (let i = 0; i < AGENTS; i += 1) {
    agents.push(await maker.create({ name: `reader${i}`, type: "reader" }));
  }
  await maker.settled();
  await maker.stop();
  // This one does not know their type: it takes their mail, and they do not tick.
  const definition = defineRuntime({ agents: [defineAgent({ name: "other" })] });
  const store = sqlite(file);
  const runtime = createRuntime({ definition, store, signer });
  const keys = agents.map(({ publicKey }) => publicKey);

  await using relay = await startRelay({ page: 500 });
  await publish(relay, await make(wraps, { keys, secp }));
  bench.say("They are stored at the relay");
  const warn = (text: string): void => bench.say(text);
  const relays = localRelays({
    relays: [relay.url],
    file: join(data, "relays.db"),
    definition,
    store,
    signer,
    secp,
    clock,
    random,
    warn,
  });
  const start = performance.now();
  const worked = process.cpuUsage();
  await relays.start(runtime);
  await until(() => relays.metrics().received >= wraps / 3);
  await relay.kill();
  await until(() => !relays.metrics().relays[0]!.connected);
  await relay.start();
  await until(() => relays.metrics().taken >= wraps);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(worked);
  const { relays: reports, taken, repeated } = relays.metrics();
  await relays.stop();
  let there = 0;
  for (const { id } of agents) {
    const mail = await store.mail(id, { box: "inbox", after: 0, limit: wraps });
    there += mail.filter(({ envelope }) => envelope.source === "nostr").length;
  }
  await store.close();
  const { connections } = reports[0]!;
  if (there !== wraps || taken !== wraps || repeated > 0 || connections < 2) {
    throw new Error(`${there} of ${wraps} are there, ${connections} connections`);
  }
  const ofOneCore = round((wraps * 1_000_000) / (user + system));
  return {
    value: round(wraps / seconds),
    unit: "/s",
    against: `${ofOneCore.toLocaleString("en")}/s of one core's time`,
  };
}

/** As many gift wraps, of several senders to agents by turns. */
async function make(
  count: number,
  { keys, secp }: { readonly keys: readonly string[]; readonly secp: Secp },
): Promise<readonly NostrEvent[]> {
  const signers = Array.from({ length: SENDERS }, () =>
    memorySigner(systemRandom.bytes(32), { secp }),
  );
  const now = Date.now();
  const events: NostrEvent[] = [];
  for (let i = 0; i < count; i += 1) {
    const signer = signers[i % SENDERS]!;
    const to = keys[i % keys.length]!;
    const created_at = Math.floor(now / 1000) - count + i;
    const template = { kind: 14, created_at, tags: [["p", to]], content: TEXT };
    const rumor = rumorOf(template, signer.publicKey);
    events.push(await giftWrap(signer, rumor, to, { now, random: systemRandom, secp }));
  }
  return events;
}

/** Publishes events, many at a time, and waits until the relay has all of them. */
async function publish(relay: TestRelay, events: readonly NostrEvent[]): Promise<void> {
  const socket = new WebSocket(relay.url);
  await once(socket, "open");
  let [stored, sent] = [0, 0];
  const done = Promise.withResolvers<void>();
  const send = (): void => {
    for (; sent < events.length && sent - stored < 200; sent += 1) {
      socket.send(JSON.stringify(["EVENT", events[sent]]));
    }
  };
  socket.on("message", (message: Buffer) => {
    const [type, , accepted, reason] = JSON.parse(message.toString()) as unknown[];
    if (type !== "OK") return;
    if (accepted !== true) done.reject(new Error(`The relay refused one: ${String(reason)}`));
    stored += 1;
    if (stored === events.length) done.resolve();
    send();
  });
  send();
  await done.promise;
  socket.close();
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) {
    await new Promise((resolve) => {
      setTimeout(resolve, HEARING);
    });
  }
}
