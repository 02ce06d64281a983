import { once } from "node:events";
import { WebSocket } from "ws";
import { startRelay } from "../../scripts/relay.ts";
import type { TestRelay } from "../../scripts/relay.ts";
import { startLocal } from "../../src/backends/local.ts";
import { defineAgent, defineRuntime } from "../../src/core/definition.ts";
import { systemRandom } from "../../src/core/system.ts";
import type { NostrEvent } from "../../src/identity/event.ts";
import { memorySigner } from "../../src/identity/memory-signer.ts";
import { giftWrap, rumorOf } from "../../src/identity/nip59.ts";
import { loadWasmSecp } from "../../src/identity/secp-wasm.ts";
import type { Bench, Figures } from "../bench.ts";
import { round } from "../measure.ts";

const AGENTS = 50;
const SENDERS = 20;
const TEXT = "A short message, as people write them to each other. ".repeat(4).slice(0, 200);
const HEARING = 5;

const reader = defineAgent({ name: "reader", onMessage: () => undefined });

/**
 * Gift wraps a second that are read from a relay, opened, checked and durable in the inboxes of 50 agents,
 * which also deal with them. The relay, in a process of its own, is killed and started again meanwhile,
 * which counts as well: each message has to be there, once.
 */
export async function giftwrapIngest(bench: Bench): Promise<Figures> {
  const { wraps } = bench.sizes;
  const names = Array.from({ length: AGENTS }, (_, i) => `reader${i}`);
  const definition = defineRuntime({
    agents: [reader],
    ensure: names.map((name) => ({ name, type: "reader" })),
  });
  const data = bench.directory();
  const before = await startLocal({ definition, data, port: 0 });
  const keys = await Promise.all(
    names.map(async (name) => (await before.runtime.get(name)).publicKey),
  );
  await before.stop();

  await using relay = await startRelay({ page: 500 });
  await store(relay, await make(wraps, keys));
  bench.say("They are stored at the relay");
  const start = performance.now();
  const worked = process.cpuUsage();
  const local = await startLocal({ definition, data, port: 0, relays: [relay.url] });
  const metrics = (): NonNullable<ReturnType<NonNullable<typeof local.relays>>> => local.relays!();
  await until(() => metrics().received >= wraps / 3);
  await relay.kill();
  await until(() => !metrics().relays[0]!.connected);
  await relay.start();
  await until(() => metrics().taken >= wraps);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(worked);
  const { relays, taken, repeated } = metrics();
  const { ticks } = local.runtime.metrics();
  await local.stop();
  const connections = relays[0]!.connections;
  if (taken !== wraps || repeated > 0 || connections < 2) {
    throw new Error(`${taken} of ${wraps} were taken, ${connections} connections`);
  }
  const ofOneCore = round((wraps * 1_000_000) / (user + system));
  return {
    value: round(wraps / seconds),
    unit: "/s",
    against: `${ofOneCore.toLocaleString("en")}/s of one core's time; ${ticks} ticks meanwhile`,
  };
}

/** As many gift wraps, of several senders to agents by turns. */
async function make(count: number, keys: readonly string[]): Promise<readonly NostrEvent[]> {
  const secp = (await loadWasmSecp())!;
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
async function store(relay: TestRelay, events: readonly NostrEvent[]): Promise<void> {
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
