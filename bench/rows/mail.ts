import { join } from "node:path";
import type { Signer } from "../../src/core/ports/index.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { sqlite } from "../../src/stores/sqlite.ts";
import type { Bench, Figures } from "../bench.ts";
import { benchSigner, startRuntime } from "../in-process.ts";
import { median, round, time } from "../measure.ts";

/** Messages that one tick of the sender sends. */
const BATCH = 50;

/** Messages a second from one agent to another, sealed as they always are. */
export async function mailSealed(bench: Bench): Promise<Figures> {
  const { sealed, open, ratio } = await race(bench);
  return {
    value: sealed,
    unit: "messages/s",
    ratio,
    against: `${open} messages/s: the same, not encrypted`,
  };
}

/** The same with a signer that encrypts nothing: what of it is not for the seal. */
export async function mailOpen(bench: Bench): Promise<Figures> {
  return { value: (await race(bench)).open, unit: "messages/s" };
}

interface Race {
  readonly sealed: number;
  readonly open: number;
  readonly ratio: number;
}

/** Rounds of both by turns, so that both get the same share of whatever else the machine does. */
function race(bench: Bench): Promise<Race> {
  return bench.once("mail", async () => {
    const signer = benchSigner();
    const sealed = await pair(bench, signer);
    const open = await pair(bench, {
      ...signer,
      encrypt: async (_agent, _peer, plaintext) => new TextDecoder().decode(plaintext),
      decrypt: async (_agent, _peer, payload) => new TextEncoder().encode(payload),
    });
    const count = Math.ceil(bench.sizes.mail / BATCH);
    const rounds: { readonly sealed: number; readonly open: number }[] = [];
    for (let i = 0; i <= bench.sizes.rounds; i += 1) {
      const took = { sealed: await send(sealed, count), open: await send(open, count) };
      if (i > 0) rounds.push(took);
    }
    await Promise.all([sealed.stop(), open.stop()]);
    const perSecond = (ms: number): number => round((count * BATCH * 1000) / ms);
    return {
      sealed: perSecond(median(rounds.map((took) => took.sealed))),
      open: perSecond(median(rounds.map((took) => took.open))),
      ratio: round(median(rounds.map((took) => took.open / took.sealed))),
    };
  });
}

/** A runtime with a sender and a receiver. */
async function pair(bench: Bench, signer: Signer): Promise<Runtime> {
  const runtime = await startRuntime(sqlite(join(bench.directory(), "mail.db")), signer);
  for (const name of ["sender", "counter"]) await runtime.create({ name, type: name });
  return runtime;
}

/** Ms until all that the sender was told to send is counted, durably, one tick for each. */
async function send(runtime: Runtime, batches: number): Promise<number> {
  const { id } = await runtime.get("counter");
  const all = Promise.withResolvers<void>();
  let left = batches * BATCH;
  const unwatch = runtime.watch(id, ({ record }) => {
    if (record.trigger.source !== "agent") return;
    left -= 1;
    if (left === 0) all.resolve();
  });
  const took = await time(async () => {
    for (let i = 0; i < batches; i += 1) await runtime.send("sender", { payload: BATCH });
    await all.promise;
  });
  unwatch();
  return took;
}
