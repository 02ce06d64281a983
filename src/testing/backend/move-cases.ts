import type { RemoteRuntime } from "../../core/runtime.ts";
import { equal, ok, rejects } from "../assert.ts";
import { ask, fresh, make, stateOf, until } from "./kit.ts";
import type { BackendCase } from "./kit.ts";

/** Where no home is. */
const NOWHERE = "http://127.0.0.1:1";

/** Guarantees about agents that go and come: what comes is what went, and it is at one place only. */
export const MOVE_CASES: readonly BackendCase[] = [
  {
    guarantee: "mobility",
    name: "import(export(agent)) is the same agent: state, record, dedup window and dead letters",
    async body({ runtime, crash }) {
      const [keeper, clumsy] = [await make(runtime, "keeper"), await make(runtime, "clumsy")];
      const id = fresh("once");
      await ask(runtime, keeper, "a", { id });
      await ask(runtime, clumsy, "terminal", { id });
      for (const name of [keeper, clumsy]) {
        const before = await contents(runtime, name);
        const bundle = await bytesOf(await runtime.export(name));
        await rejects(runtime.import(streamOf(bundle)), "EXISTS");
        await runtime.purge(name);
        await rejects(runtime.get(name), "NOT_FOUND");
        const { agent, warnings, ticket } = await runtime.import(streamOf(bundle));
        equal([agent.name, warnings, ticket], [name, [], undefined]);
        equal(await contents(runtime, name), before);
      }
      const after = await crash();
      equal((await after.send(keeper, { payload: "a", id })).receipt, "duplicate");
      equal((await ask(after, keeper, "b")).replies, [2]);
      equal(await stateOf(after, keeper, "got"), ["a", "b"]);
      equal((await after.deadLetters(clumsy, 0, 9)).length, 1);
      equal((await after.verify(keeper)).ok, true);
      equal(
        (await after.list({ limit: 1000 })).items.some(({ name }) => name === keeper),
        true,
      );
    },
  },
  {
    guarantee: "mobility",
    name: "an alarm and a parked tick go along: the one fires once, the other gets its answer",
    async body({ runtime, crash, outside }) {
      const [asker, oracle] = [await make(runtime, "asker"), await make(runtime, "oracle")];
      const alarmed = await make(runtime, "alarmed");
      const id = fresh("ask");
      await runtime.send(asker, { payload: { ask: oracle }, id });
      await until("it is parked", async () => (await runtime.status(asker)).parked.length === 1);
      await ask(runtime, alarmed, { id: "bell", in: 1500 });
      for (const name of [asker, alarmed]) {
        const bundle = await bytesOf(await runtime.export(name));
        await runtime.purge(name);
        await runtime.import(streamOf(bundle));
      }
      const after = await crash();
      equal((await after.status(asker)).parked, [id]);
      await outside.open(`${oracle} gate`);
      const answer = await ask(after, asker, { ask: oracle }, { id });
      equal([answer.receipt, answer.replies], ["duplicate", ["asked"]]);
      await until("it fired", async () => {
        return ((await stateOf(after, alarmed, "fired")) as string[]).length > 0;
      });
      equal(await stateOf(after, alarmed, "fired"), ["bell"]);
      equal((await after.status(alarmed)).alarms, []);
      for (const name of [asker, alarmed]) equal((await after.verify(name)).ok, true);
    },
  },
  {
    guarantee: "mobility",
    name: "a clone has the state and alarms, and a key, a name and a record of its own",
    async body({ runtime, crash }) {
      const name = await make(runtime, "alarmed");
      await ask(runtime, name, { id: "later", in: 3_600_000 });
      const bundle = await bytesOf(await runtime.export(name));
      const clone = fresh("clone");
      await rejects(runtime.import(streamOf(bundle), { mode: "clone" }), "INVALID");
      await rejects(runtime.import(streamOf(bundle), { mode: "clone", name }), "EXISTS");
      const half = streamOf(bundle.slice(0, bundle.length / 2));
      await rejects(runtime.import(half, { mode: "clone", name: clone }), "CORRUPT");
      const { agent } = await runtime.import(streamOf(bundle), { mode: "clone", name: clone });
      const after = await crash();
      const original = await after.get(name);
      equal((await after.get(clone)).id, agent.id);
      ok(agent.id !== original.id, "a key of its own");
      equal((await after.status(clone)).alarms.length, 1);
      equal((await ask(after, clone, { id: "later", cancel: true })).outcome, "done");
      equal((await after.status(name)).alarms.length, 1);
      for (const one of [name, clone]) equal((await after.verify(one)).ok, true);
    },
  },
  {
    guarantee: "mobility",
    name: "a bundle that is cut off, altered or none at all is refused, and nothing of it is kept",
    async body({ runtime }) {
      const name = await make(runtime, "keeper");
      await ask(runtime, name, "kept");
      const bundle = await bytesOf(await runtime.export(name));
      const { id } = await runtime.get(name);
      await runtime.purge(name);
      const { length } = bundle;
      for (const end of [0, 300, 1000, length / 2, length - 1100, length - 1]) {
        await rejects(runtime.import(streamOf(bundle.slice(0, end))), "CORRUPT");
      }
      for (const at of [600, length / 2, length - 2000]) {
        const altered = bundle.slice();
        const place = Math.floor(at);
        // One of the texts: between the entries there is nothing.
        const text = altered.findIndex((byte, i) => i >= place && byte > 64);
        altered[text] = 63;
        await rejects(runtime.import(streamOf(altered)), "CORRUPT");
      }
      await rejects(runtime.import(streamOf(new Uint8Array(2000).fill(120))), "CORRUPT");
      for (const ref of [name, id]) await rejects(runtime.get(ref), "NOT_FOUND");
      const again = await runtime.create({ name, type: "keeper" });
      ok(again.id !== id, "the name to be free");
    },
  },
  {
    guarantee: "mobility",
    name: "an agent that leaves is busy, over a crash too, and stays when it is told to or has not left",
    async body({ runtime, crash }) {
      const name = await make(runtime, "keeper");
      await ask(runtime, name, "before");
      const { publicKey: to } = await runtime.identity();
      const first = { move: fresh("move") };
      await runtime.leave(name, first);
      await rejects(runtime.send(name, { payload: "x" }), "BUSY");
      await rejects(runtime.tick(name), "BUSY");
      await bytesOf(await runtime.export(name, { ...first, to }));
      const after = await crash();
      equal((await after.get(name)).status, "leaving");
      equal((await after.get(name)).move, { id: first.move });
      await rejects(after.send(name, { payload: "x" }), "BUSY");
      await after.stay(name, first.move);
      await after.stay(name, first.move);
      equal((await ask(after, name, "stayed")).outcome, "done");
      await rejects(after.leave(name, first), "INVALID");
      await after.leave(name, { move: fresh("move"), wait: 300 });
      const again = await crash();
      await until("it stays", async () => (await again.get(name)).status !== "leaving");
      equal((await ask(again, name, "late")).outcome, "done");
      equal(await stateOf(again, name, "got"), ["before", "stayed", "late"]);
      equal((await again.verify(name)).ok, true);
    },
  },
  {
    guarantee: "mobility",
    name: "an agent that moved says where to, and comes back by its receipt, over crashes at each step",
    async body({ runtime, crash, outside }) {
      const [name, oracle] = [await make(runtime, "asker"), await make(runtime, "oracle")];
      const id = fresh("ask");
      await runtime.send(name, { payload: { ask: oracle }, id });
      await until("it is parked", async () => (await runtime.status(name)).parked.length === 1);
      const before = await contents(runtime, name);
      const move = fresh("move");
      const { publicKey: to } = await runtime.identity();
      await runtime.leave(name, { move });
      const bundle = await bytesOf(await runtime.export(name, { move, to }));
      const goal = { move, url: NOWHERE, ticket: "0".repeat(64), policy: "refuse" } as const;
      await rejects(runtime.depart(name, { ...goal, move: "another" }), "INVALID");
      const receipt = await runtime.depart(name, goal);

      let now = await crash();
      equal(await now.depart(name, goal), receipt);
      equal((await now.get(name)).move, { id: move, url: NOWHERE });
      await rejects(now.send(name, { payload: "x" }), "MOVED");
      await rejects(now.state(name), "MOVED");
      await rejects(now.stay(name, move), "MOVED");
      await rejects(now.create({ name, type: "keeper" }), "EXISTS");

      // Its new home is its old one.
      await rejects(now.import(streamOf(bundle.slice(0, bundle.length / 2))), "CORRUPT");
      equal((await now.get(name)).move, { id: move, url: NOWHERE });
      const { ticket } = await now.import(streamOf(bundle));
      ok(ticket !== undefined && ticket.length === 64, "a ticket");
      now = await crash();
      equal((await now.get(name)).status, "arriving");
      await rejects(now.send(name, { payload: "x" }), "BUSY");
      await rejects(now.arrive(name, { ...receipt, head: null }), "DENIED");
      const arrived = await now.arrive(name, receipt);
      equal(arrived.move, undefined);
      now = await crash();
      await now.arrive(name, receipt);
      equal(await contents(now, name), before);
      await outside.open(`${oracle} gate`);
      equal((await ask(now, name, { ask: oracle }, { id })).replies, ["asked"]);
      equal((await now.verify(name)).ok, true);
      await rejects(now.import(streamOf(bundle)), "EXISTS");
    },
  },
];

/** All that is seen of an agent, but for what its home makes of it. */
async function contents(runtime: RemoteRuntime, ref: string): Promise<unknown> {
  const { id, publicKey, name, type, createdAt } = await runtime.get(ref);
  const { ticks, head, queued, alarms, parked } = await runtime.status(ref);
  const dead = await runtime.deadLetters(ref, 0, 1000);
  return {
    agent: { id, publicKey, name, type, createdAt },
    status: { ticks, head, queued, alarms, parked },
    state: await runtime.state(ref),
    log: await runtime.log(ref, 0, 1000),
    dead: dead.map(({ position: _position, ...row }) => row),
  };
}

/** All of a stream. */
export async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Bytes as a stream, in pieces as they come off a network. */
export function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) {
        controller.close();
        return;
      }
      controller.enqueue(bytes.slice(at, at + 10_000));
      at += 10_000;
    },
  });
}
