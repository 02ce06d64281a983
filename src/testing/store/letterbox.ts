import { equal, ok } from "../assert.ts";
import {
  NOW,
  create,
  dead,
  deliver,
  envelope,
  idOf,
  ids,
  inbox,
  mail,
  positionOf,
  tick,
} from "./kit.ts";
import type { StoreCases } from "./kit.ts";

export const LETTERBOX: StoreCases = {
  cases: {
    "deliver() accepts mail for several agents in the given order": async ({ store }) => {
      await create(store, "alice", "bob");
      const all = [
        ["alice", "1"],
        ["bob", "2"],
        ["alice", "3"],
        ["bob", "1"],
      ] as const;
      const receipts = await store.deliver(all.map(([to, id]) => mail(envelope(to, id))));
      equal(receipts, ["accepted", "accepted", "accepted", "accepted"]);
      equal(ids(await inbox(store, "alice")), ["1", "3"]);
      equal(ids(await inbox(store, "bob")), ["2", "1"]);
      const [first, second] = await inbox(store, "alice");
      ok((first?.position ?? 0) < (second?.position ?? 0), "rising positions");
      equal(await store.depth(idOf("alice")), 2);
      equal(await store.deliver([]), []);
    },

    "deliver() keeps the envelope as it was": async ({ store }) => {
      await create(store, "alice");
      const whole = envelope("alice", "ünï-code 🦊", {
        payload: { text: 'a "quoted" \u0000 \\ line\n', list: [1, null, true, { deep: 0.5 }] },
        replyTo: "before",
        traceId: "trace",
        seq: 7,
        expiresAt: NOW - 1,
        priority: -3,
        headers: { subject: "ä" },
      });
      await store.deliver([mail(whole, {}, NOW + 5)]);
      const [row] = await inbox(store, "alice");
      equal(row?.envelope, whole);
      equal(row?.at, NOW + 5);
    },

    "mail() gives one envelope by its id": async ({ store }) => {
      await create(store, "alice", "bob");
      await deliver(store, "alice", "1", "2");
      await deliver(store, "bob", "2");
      const one = async (envelope: string, box: "inbox" | "deadletter") =>
        ids(await store.mail(idOf("alice"), { box, envelope, limit: 9 }));
      equal(await one("2", "inbox"), ["2"]);
      equal(await one("2", "deadletter"), []);
      equal(await one("3", "inbox"), []);
      await tick(store, "alice", {
        bury: [{ envelope: envelope("alice", "2"), attempts: 1, reason: "No" }],
      });
      equal(await one("2", "inbox"), []);
      equal(await one("2", "deadletter"), ["2"]);
    },

    "deliver() has room for answers and commands in an inbox that is full": async ({ store }) => {
      await create(store, "alice");
      const answer = (id: string) => envelope("alice", id, { type: "response", replyTo: "x" });
      for (const overflow of ["reject-new", "dead-letter", "drop-oldest"] as const) {
        const full = { depth: 1, overflow };
        const give = async (one: ReturnType<typeof answer>) =>
          (await store.deliver([mail(one, full)]))[0];
        const before = await store.depth(idOf("alice"));
        if (before === 0) equal(await give(envelope("alice", "other")), "accepted");
        equal(await give(answer(`answer ${overflow}`)), "accepted", overflow);
        equal(
          await give(envelope("alice", `command ${overflow}`, { source: "control" })),
          "accepted",
          overflow,
        );
      }
      equal((await dead(store, "alice")).length, 0);
      const last = envelope("alice", "last");
      equal(await store.deliver([mail(last, { depth: 1, overflow: "drop-oldest" })]), ["accepted"]);
      equal(ids(await dead(store, "alice")), ["other"], "no answer and no command is dropped");
      for (let i = 0; i < 1000; i += 1)
        await store.deliver([mail(answer(`more ${i}`), { depth: 1 })]);
      equal(await store.deliver([mail(answer("too much"), { depth: 1 })]), ["dead-lettered"]);
    },

    'deliver() gives "duplicate" when the id was accepted before': async ({ store }) => {
      await create(store, "alice", "bob");
      equal(await deliver(store, "alice", "1", "1"), ["accepted", "duplicate"]);
      await tick(store, "alice", { ack: [await positionOf(store, "alice", "1")] });
      equal(await deliver(store, "alice", "1"), ["duplicate"], "after it was done");
      equal(await deliver(store, "bob", "1"), ["accepted"], "for another agent");
      equal(await store.depth(idOf("alice")), 0);
    },

    'deliver() gives "unknown" and "terminated" without failing other mail': async ({ store }) => {
      await create(store, "alice", "bob");
      await store.setStatus(idOf("bob"), "terminated");
      const receipts = await store.deliver(
        ["bob", "nobody", "alice"].map((to) => mail(envelope(to, "1"))),
      );
      equal(receipts, ["terminated", "unknown", "accepted"]);
      equal(await store.depth(idOf("bob")), 0);
      await store.remove(idOf("bob"));
      equal(await deliver(store, "bob", "1"), ["unknown"]);
    },

    "deliver() takes mail for an agent that does not tick": async ({ store }) => {
      await create(store, "alice");
      await store.setStatus(idOf("alice"), "quarantined");
      equal(await deliver(store, "alice", "1"), ["accepted"]);
      equal(await store.depth(idOf("alice")), 1);
    },

    'deliver() with "reject-new" changes nothing when the inbox is full': async ({ store }) => {
      await create(store, "alice");
      const policy = { depth: 2, overflow: "reject-new" } as const;
      const receipts = await store.deliver(
        ["1", "2", "3", "1"].map((id) => mail(envelope("alice", id), policy)),
      );
      equal(receipts, ["accepted", "accepted", "rejected", "duplicate"]);
      equal(ids(await inbox(store, "alice")), ["1", "2"]);
      equal(await dead(store, "alice"), []);
      await tick(store, "alice", { ack: [await positionOf(store, "alice", "1")] });
      equal(await store.deliver([mail(envelope("alice", "3"), policy)]), ["accepted"]);
    },

    'deliver() with "dead-letter" keeps what is too much with the dead letters': async ({
      store,
    }) => {
      await create(store, "alice");
      const policy = { depth: 1, overflow: "dead-letter" } as const;
      const receipts = await store.deliver(
        ["1", "2", "2"].map((id) => mail(envelope("alice", id), policy, NOW + 1)),
      );
      equal(receipts, ["accepted", "dead-lettered", "duplicate"]);
      equal(ids(await inbox(store, "alice")), ["1"]);
      const [letter] = await dead(store, "alice");
      equal(letter?.envelope, envelope("alice", "2"));
      equal([letter?.at, letter?.attempts, letter?.notBefore], [NOW + 1, 0, 0]);
      ok(letter?.reason, "a reason");
    },

    'deliver() with "drop-oldest" moves the oldest to the dead letters': async ({ store }) => {
      await create(store, "alice");
      await deliver(store, "alice", "1", "2", "3");
      const urgent = mail(envelope("alice", "4", { priority: -9 }), {
        depth: 2,
        overflow: "drop-oldest",
      });
      equal(await store.deliver([urgent, urgent]), ["accepted", "duplicate"]);
      equal(ids(await inbox(store, "alice")), ["3", "4"]);
      equal(ids(await dead(store, "alice")), ["1", "2"]);
      ok((await dead(store, "alice"))[0]?.reason, "a reason");
      equal(await store.depth(idOf("alice")), 2);
    },

    "mail() gives a box by position, after a position": async ({ store }) => {
      await create(store, "alice");
      const all = ["1", "2", "3"].map((id, i) => mail(envelope("alice", id, { priority: i })));
      await store.deliver(all);
      const page = await store.mail(idOf("alice"), { box: "inbox", limit: 2 });
      equal(ids(page), ["1", "2"]);
      const after = page[1]?.position;
      const rest = await store.mail(idOf("alice"), { box: "inbox", limit: 2, after });
      equal(ids(rest), ["3"]);
      equal(await store.mail(idOf("alice"), { box: "deadletter", limit: 2 }), []);
    },

    "replay() puts a dead letter back with no attempts": async ({ store }) => {
      await create(store, "alice");
      await deliver(store, "alice", "1", "2");
      const position = await positionOf(store, "alice", "1");
      await tick(store, "alice", {
        bury: [{ envelope: envelope("alice", "1"), attempts: 3, reason: "Broken" }],
      });
      const [letter] = await dead(store, "alice");
      equal(letter, {
        position,
        envelope: envelope("alice", "1"),
        at: NOW,
        attempts: 3,
        notBefore: 0,
        reason: "Broken",
      });
      equal(ids(await inbox(store, "alice")), ["2"]);
      equal(await store.replay(idOf("alice"), "1"), true);
      equal(await store.replay(idOf("alice"), "1"), false);
      equal(await store.replay(idOf("alice"), "2"), false);
      equal(await store.replay(idOf("alice"), "3"), false);
      const [row] = await inbox(store, "alice");
      equal(row, {
        position,
        envelope: envelope("alice", "1"),
        at: NOW,
        attempts: 0,
        notBefore: 0,
      });
      equal(await dead(store, "alice"), []);
      equal(await store.depth(idOf("alice")), 2);
    },

    "discard() drops a dead letter and keeps its id in the dedup window": async ({ store }) => {
      await create(store, "alice");
      await deliver(store, "alice", "1", "2");
      await tick(store, "alice", {
        bury: [{ envelope: envelope("alice", "1"), attempts: 1, reason: "Broken" }],
      });
      equal(await store.discard(idOf("alice"), "2"), false, "for what waits");
      equal(await store.discard(idOf("alice"), "1"), true);
      equal(await store.discard(idOf("alice"), "1"), false);
      equal(await store.replay(idOf("alice"), "1"), false);
      equal(await dead(store, "alice"), []);
      equal(await deliver(store, "alice", "1"), ["duplicate"]);
    },

    "discard() drops the files that go with a dead letter, and none where there is none": async ({
      store,
    }) => {
      await create(store, "alice");
      await create(store, "bob");
      await deliver(store, "alice", "1", "2");
      const files = ["d", "d/1", "d/2", "d0"].map((path) => ({ path, value: path }));
      await tick(store, "bob", { put: files });
      await tick(store, "alice", {
        put: files,
        bury: [{ envelope: envelope("alice", "1"), attempts: 1, reason: "Broken" }],
      });
      equal(await store.discard(idOf("alice"), "2", "d/"), false, "for what waits");
      equal(await store.files(idOf("alice"), { prefix: "d", limit: 9 }), files);
      equal(await store.discard(idOf("alice"), "1", "d/"), true);
      const left = files.filter(({ path }) => !path.startsWith("d/"));
      equal(await store.files(idOf("alice"), { prefix: "d", limit: 9 }), left);
      equal(await store.files(idOf("bob"), { prefix: "d", limit: 9 }), files);
    },

    "outbox() gives committed mail of all agents by seq": async ({ store }) => {
      await create(store, "alice", "bob");
      await tick(store, "alice", { send: [envelope("bob", "1"), envelope("carol", "2")] });
      await tick(store, "bob", { send: [envelope("alice", "3")] });
      const rows = await store.outbox(0, 10);
      equal(ids(rows), ["1", "2", "3"]);
      equal(rows[0]?.envelope, envelope("bob", "1"));
      equal(
        rows.map((row) => row.agent),
        [idOf("alice"), idOf("alice"), idOf("bob")],
      );
      const seqs = rows.map((row) => row.seq);
      equal(
        seqs,
        seqs.toSorted((a, b) => a - b),
      );
      equal(ids(await store.outbox(seqs[0] ?? 0, 1)), ["2"]);
      equal(await store.outbox(seqs[2] ?? 0, 1), []);
    },

    "sent() takes mail out of the outbox, once": async ({ store }) => {
      await create(store, "alice");
      await tick(store, "alice", { send: [envelope("bob", "1"), envelope("bob", "2")] });
      const [first, second] = await store.outbox(0, 10);
      ok(first && second, "two rows");
      await store.sent([{ row: first }]);
      equal(ids(await store.outbox(0, 10)), ["2"]);
      await store.sent([{ row: first, reason: "Late" }]);
      equal(await dead(store, "alice"), [], "dead letters for what was sent before");
      await store.sent([{ row: second }]);
      await tick(store, "alice", { send: [envelope("bob", "3")] });
      const [third] = await store.outbox(0, 10);
      ok((third?.seq ?? 0) > second.seq, "a higher seq although the outbox was empty");
      await store.sent([]);
    },

    "sent() with a reason puts mail with the dead letters of its sender": async ({ store }) => {
      await create(store, "alice");
      await tick(store, "alice", { send: [envelope("bob", "1"), envelope("bob", "2")] });
      const [first, second] = await store.outbox(0, 10);
      ok(first && second, "two rows");
      await store.sent([{ row: first, reason: "No such agent" }, { row: second }]);
      equal(await store.outbox(0, 10), []);
      const letters = await dead(store, "alice");
      equal(ids(letters), ["1"]);
      equal(letters[0]?.envelope, envelope("bob", "1"));
      equal(letters[0]?.reason, "No such agent");
      equal(await inbox(store, "alice"), []);
    },

    "replay() puts mail that could not be sent back into the outbox": async ({ store }) => {
      await create(store, "alice");
      await tick(store, "alice", { send: [envelope("bob", "1")] });
      const [row] = await store.outbox(0, 10);
      ok(row, "a row");
      await store.sent([{ row, reason: "No such agent" }]);
      equal(await store.replay(idOf("alice"), "1"), true);
      const [again] = await store.outbox(0, 10);
      equal(again?.envelope, envelope("bob", "1"));
      equal(again?.agent, idOf("alice"));
      equal(await dead(store, "alice"), []);
      equal(await inbox(store, "alice"), []);
      ok(again && again.seq > row.seq, "a higher seq");
      await store.sent([{ row: again, reason: "Still none" }]);
      equal((await dead(store, "alice"))[0]?.reason, "Still none");
    },

    "forget() ends the dedup of the oldest mail that is done with": async ({ store }) => {
      await create(store, "alice", "bob");
      await store.deliver([
        mail(envelope("alice", "late"), {}, NOW - 1),
        mail(envelope("bob", "early"), {}, NOW - 3),
        mail(envelope("alice", "middle"), {}, NOW - 2),
        mail(envelope("alice", "waits"), {}, NOW - 9),
        mail(envelope("alice", "dead"), {}, NOW - 9),
      ]);
      const at = async (name: string, id: string) => positionOf(store, name, id);
      await tick(store, "bob", { ack: [await at("bob", "early")] });
      await tick(store, "alice", {
        ack: [await at("alice", "late"), await at("alice", "middle")],
        bury: [{ envelope: envelope("alice", "dead"), attempts: 1, reason: "No" }],
      });
      equal(await store.forget(NOW - 1, 1), 1);
      equal(await deliver(store, "bob", "early"), ["accepted"]);
      equal(await deliver(store, "alice", "middle"), ["duplicate"]);
      equal(await store.forget(NOW - 1, 10), 1);
      equal(await store.forget(NOW - 1, 10), 0);
      equal(await deliver(store, "alice", "middle", "late", "waits", "dead"), [
        "accepted",
        "duplicate",
        "duplicate",
        "duplicate",
      ]);
    },

    "positions rise although older mail was forgotten": async ({ store }) => {
      await create(store, "alice");
      await deliver(store, "alice", "1");
      const position = await positionOf(store, "alice", "1");
      await tick(store, "alice", { ack: [position] });
      await store.forget(NOW + 1, 100);
      await deliver(store, "alice", "1");
      ok((await positionOf(store, "alice", "1")) > position, "a higher position");
    },
  },
};
