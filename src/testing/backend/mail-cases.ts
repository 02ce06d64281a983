import { equal, ok, rejects } from "../assert.ts";
import { ask, fresh, make, stateOf, until } from "./kit.ts";
import type { BackendCase } from "./kit.ts";

/** Guarantees about mail: accepted, once, in order, bounded, and out with the commit. */
export const MAIL_CASES: readonly BackendCase[] = [
  {
    guarantee: "one tick at once",
    name: "ticks of one agent never overlap when much mail comes at once",
    async body({ runtime }) {
      const name = await make(runtime, "loner");
      await Promise.all(Array.from({ length: 30 }, (_, i) => ask(runtime, name, i)));
      equal(await runtime.state(name), { ticks: 30, overlaps: 0 });
    },
  },
  {
    guarantee: "accepted is processed",
    name: "mail that was accepted is processed after a crash right then",
    async body({ runtime, crash }) {
      const name = await make(runtime, "keeper");
      const texts = Array.from({ length: 20 }, (_, i) => `m${i}`);
      await Promise.all(texts.map((payload) => runtime.send(name, { payload })));
      const after = await crash();
      await until("all mail processed", async () => {
        const got = (await stateOf(after, name, "got")) as string[] | undefined;
        return got?.length === texts.length;
      });
      equal(((await stateOf(after, name, "got")) as string[]).toSorted(), texts.toSorted());
    },
  },
  {
    guarantee: "effect once",
    name: "mail that is sent again under its id has no second effect, across a crash",
    async body({ runtime, crash }) {
      const name = await make(runtime, "keeper");
      const id = fresh("once");
      equal((await ask(runtime, name, "a", { id })).replies, [1]);
      equal((await runtime.send(name, { payload: "a", id })).receipt, "duplicate");
      const after = await crash();
      const again = await ask(after, name, "a", { id });
      equal([again.receipt, again.outcome, again.replies], ["duplicate", "done", [1]]);
      equal(await stateOf(after, name, "got"), ["a"]);
    },
  },
  {
    guarantee: "order per sender",
    name: "each sender's mail is processed in the order it was sent",
    async body({ runtime }) {
      const name = await make(runtime, "keeper");
      const senders = ["x", "y", "z"];
      await Promise.all(
        senders.map(async (from) => {
          for (let i = 0; i < 20; i += 1) {
            await runtime.send(name, { payload: `${from}${String(i).padStart(2, "0")}`, from });
          }
        }),
      );
      await ask(runtime, name, "last", { priority: -100 });
      const got = (await stateOf(runtime, name, "got")) as string[];
      equal(got.length, 61);
      for (const from of senders) {
        const own = got.filter((text) => text.startsWith(from));
        equal(own, own.toSorted(), `mail of ${from}`);
      }
    },
  },
  {
    guarantee: "order per sender",
    name: "mail of higher priority goes first, and expired mail is a dead letter",
    async body({ runtime, outside }) {
      const name = await make(runtime, "gated");
      await until("it exists", async () => (await runtime.status(name)).ticks === 1);
      await runtime.send(name, { payload: "first" });
      await outside.pass(`${name} reached`);
      await runtime.send(name, { payload: "late", expiresAt: Date.now() - 1 });
      await runtime.send(name, { payload: "urgent", priority: 10 });
      await outside.open(`${name} gate`);
      await until("all is processed", async () => (await runtime.status(name)).ticks === 4);
      equal(await stateOf(runtime, name, "got"), ["first", "urgent"]);
      const [dead] = await runtime.deadLetters(name, 0, 10);
      equal(dead?.envelope.payload, "late");
    },
  },
  {
    guarantee: "bounded inbox",
    name: "mail beyond the depth is rejected, drops the oldest, or becomes a dead letter",
    async body({ runtime, outside }) {
      const [reject, drop, dead] = await Promise.all(
        ["reject-new", "drop-oldest", "dead-letter"].map((type) => make(runtime, `gated-${type}`)),
      );
      for (const name of [reject!, drop!, dead!]) {
        await until("it exists", async () => (await runtime.status(name)).ticks === 1);
        for (const payload of ["1", "2"]) await runtime.send(name, { payload });
      }
      await rejects(runtime.send(reject!, { payload: "3" }), "INBOX_FULL");
      equal((await runtime.send(drop!, { payload: "3" })).receipt, "accepted");
      equal((await runtime.send(dead!, { payload: "3" })).receipt, "dead-lettered");
      for (const name of [reject!, drop!, dead!]) await outside.open(`${name} gate`);
      await until("all is processed", async () => {
        const depths = await Promise.all([reject!, drop!, dead!].map((n) => runtime.status(n)));
        return depths.every(({ queued, status }) => queued === 0 && status !== "creating");
      });
      equal(
        (await runtime.deadLetters(dead!, 0, 9)).map(({ envelope }) => envelope.payload),
        ["3"],
      );
      equal((await runtime.deadLetters(drop!, 0, 9)).length, 1);
    },
  },
  {
    guarantee: "bounded inbox",
    name: "a dead letter is replayed, or discarded",
    async body({ runtime, outside }) {
      const name = await make(runtime, "clumsy");
      const [again, gone] = [fresh("again"), fresh("gone")];
      for (const id of [again, gone]) {
        equal((await ask(runtime, name, "terminal", { id })).outcome, "failed");
      }
      await runtime.discard(name, gone);
      await runtime.replay(name, again);
      await until("it is tried again", async () => (await outside.counted(`${again} tries`)) === 2);
      await until("it failed", async () => (await runtime.deadLetters(name, 0, 9)).length === 1);
      equal(await outside.counted(`${gone} tries`), 1);
      await rejects(runtime.replay(name, gone), "NOT_FOUND");
    },
  },
  {
    guarantee: "mail with the commit",
    name: "mail of a tick that fails never leaves; that of its retry arrives once",
    async body({ runtime, crash }) {
      const [sender, keeper] = [await make(runtime, "sender"), await make(runtime, "keeper")];
      equal((await ask(runtime, sender, { to: keeper, failures: 2 })).outcome, "done");
      await until("it arrived", async () => (await stateOf(runtime, keeper, "got")) !== undefined);
      const after = await crash();
      await ask(after, keeper, "last", { priority: -100 });
      equal(await stateOf(after, keeper, "got"), ["hello", "last"]);
      equal(await stateOf(after, sender, "sent"), 1);
    },
  },
  {
    guarantee: "mail with the commit",
    name: "mail that cannot be delivered comes back as the sender's dead letter",
    async body({ runtime }) {
      const sender = await make(runtime, "sender");
      await ask(runtime, sender, { to: "nobody", failures: 0 });
      await until(
        "it came back",
        async () => (await runtime.deadLetters(sender, 0, 9)).length === 1,
      );
      const [row] = await runtime.deadLetters(sender, 0, 9);
      ok(row?.reason?.includes("no such agent"), "the reason to say why");
    },
  },
  {
    guarantee: "mail is sealed",
    name: "mail between agents waits sealed, across a crash, and is read by its receiver alone",
    async body({ runtime, crash, outside }) {
      const [asker, gated] = [await make(runtime, "asker"), await make(runtime, "gated")];
      await runtime.send(asker, { payload: { ask: gated } });
      await outside.pass(`${gated} reached`);
      const look = async (home: typeof runtime): Promise<void> => {
        const rows = await home.inbox(gated, 0, 9);
        const { envelope } = rows.find((row) => row.envelope.source === "agent")!;
        equal([envelope.type, envelope.sealed], ["request", "sender"]);
        equal(envelope.from, (await home.get(asker)).id);
        ok(!JSON.stringify(rows).includes("question"), "the question to be sealed");
      };
      await look(runtime);
      const after = await crash();
      await look(after);
      await outside.open(`${gated} gate`);
      await until("it is answered", async () => (await after.status(asker)).parked.length === 0);
      equal(await stateOf(after, gated, "got"), ["question"]);
      const { keys } = (await after.status(gated)).lastTick!;
      ok(keys?.some(({ use }) => use === "decrypt") === true, "the use of its key on the record");
    },
  },
];
