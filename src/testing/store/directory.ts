import { equal, ok, rejects } from "../assert.ts";
import { agent, claim, create, deliver, envelope, idOf, inbox, ids, logRow, tick } from "./kit.ts";
import type { StoreCases } from "./kit.ts";

export const DIRECTORY: StoreCases = {
  cases: {
    "create() gives the agent and puts its first envelope into the inbox": async ({ store }) => {
      await store.create(agent("alice"), envelope("alice", "hello"));
      equal(await store.get(idOf("alice")), agent("alice"));
      const [first] = await inbox(store, "alice");
      equal(first?.envelope, envelope("alice", "hello"));
      equal([first?.at, first?.attempts, first?.notBefore], [agent("alice").createdAt, 0, 0]);
      equal(await deliver(store, "alice", "hello"), ["duplicate"]);
    },

    "create() rejects with EXISTS when the id or the name is taken, and changes nothing": async ({
      store,
    }) => {
      await create(store, "alice");
      await rejects(
        store.create(agent("alice", { name: "bob" }), envelope("alice", "again")),
        "EXISTS",
      );
      await rejects(
        store.create(agent("bob", { name: "alice" }), envelope("bob", "hello")),
        "EXISTS",
      );
      equal(await store.get(idOf("bob")), undefined);
      equal(await store.get("bob"), undefined);
      equal(await inbox(store, "alice"), []);
      await create(store, "bob");
    },

    "get() finds by id, by public key and by name, and gives undefined otherwise": async ({
      store,
    }) => {
      await create(store, "alice", "bob");
      const bob = agent("bob");
      for (const ref of [bob.id, bob.publicKey, bob.name]) equal(await store.get(ref), bob, ref);
      equal(await store.get("carol"), undefined);
      equal(await store.get(""), undefined);
    },

    "setStatus() frees the name when the agent is terminated": async ({ store }) => {
      await create(store, "alice");
      await store.setStatus(idOf("alice"), "terminated");
      equal(await store.get("alice"), undefined);
      equal((await store.get(idOf("alice")))?.status, "terminated");
      equal((await store.get(idOf("alice")))?.name, "alice", "the name it had");
      await store.create(agent("alicia", { name: "alice" }), envelope("alicia", "hello"));
      equal((await store.get("alice"))?.id, idOf("alicia"));
      await rejects(store.setStatus(idOf("alice"), "live"), "EXISTS");
    },

    "commit() with status frees the name when the agent is terminated": async ({ store }) => {
      await create(store, "alice");
      await tick(store, "alice", { status: "terminated" });
      equal(await store.get("alice"), undefined);
      equal((await store.get(idOf("alice")))?.status, "terminated");
    },

    "setStatus() sets any status": async ({ store }) => {
      await create(store, "alice");
      for (const status of ["quarantined", "creating", "failed", "live"] as const) {
        await store.setStatus(idOf("alice"), status);
        equal((await store.get("alice"))?.status, status);
      }
    },

    "update() gives the new name and frees the old one": async ({ store }) => {
      await create(store, "alice", "bob");
      await store.update(idOf("alice"), { name: "carol" });
      equal((await store.get("carol"))?.id, idOf("alice"));
      equal(await store.get("alice"), undefined);
      await rejects(store.update(idOf("alice"), { name: "bob" }), "EXISTS");
      equal((await store.get(idOf("alice")))?.name, "carol");
      await store.update(idOf("alice"), { name: "carol" });
      await store.update(idOf("bob"), { name: "alice" });
      equal((await store.get("alice"))?.id, idOf("bob"));
    },

    "update() changes the labels, and what is absent stays": async ({ store }) => {
      await store.create(agent("alice", { labels: ["env=test", "team:a"] }));
      await store.update(idOf("alice"), { name: "carol" });
      equal((await store.get("carol"))?.labels, ["env=test", "team:a"]);
      await store.update(idOf("alice"), { labels: ["a/b"] });
      equal(await store.get("carol"), agent("alice", { name: "carol", labels: ["a/b"] }));
      await store.update(idOf("alice"), {});
      equal((await store.get("carol"))?.labels, ["a/b"]);
      await create(store, "bob");
      await rejects(store.update(idOf("alice"), { name: "bob", labels: [] }), "EXISTS");
      equal((await store.get("carol"))?.labels, ["a/b"], "nothing was changed");
      await store.update(idOf("alice"), { labels: [] });
      equal((await store.list({ limit: 9, label: "a/b" })).items, []);
    },

    "an agent that another one made is listed by it, and its entry says all of that": async ({
      store,
    }) => {
      const parent = idOf("alice");
      const made = { parent, generation: 2, budget: '{"perDay":{"tokens":5}}' };
      await store.create(agent("alice"));
      await store.create(agent("bob", made));
      await store.create(agent("carol", { ...made, type: "other" }));
      await store.create(agent("dave", { parent: idOf("bob"), generation: 3 }));
      await store.setStatus(parent, "terminated");
      const names = async (query: object) =>
        (await store.list({ limit: 9, ...query })).items.map((item) => item.name);
      equal(await names({ parent }), ["bob", "carol"]);
      equal(await names({ parent, type: "other" }), ["carol"]);
      equal(await names({ parent: idOf("nobody") }), []);
      const { cursor } = await store.list({ limit: 1, parent });
      equal(await names({ parent, cursor }), ["carol"]);
      equal(await store.get("bob"), agent("bob", made));
      equal((await store.get("alice"))?.parent, undefined);
    },

    "list() keeps to the label asked for, page by page": async ({ store }) => {
      const labels = [["x"], [], ["x", "y"], ["y"], ["x"]];
      for (const [i, own] of labels.entries()) {
        await store.create(agent(`a${i}`, { labels: own, type: i === 4 ? "other" : "greeter" }));
      }
      const names = async (query: object) =>
        (await store.list({ limit: 9, ...query })).items.map((item) => item.name);
      equal(await names({ label: "x" }), ["a0", "a2", "a4"]);
      equal(await names({ label: "x", type: "greeter" }), ["a0", "a2"]);
      equal(await names({ label: "y", status: "failed" }), []);
      const first = await store.list({ limit: 2, label: "x" });
      equal(first.items.length, 2);
      equal(await names({ label: "x", cursor: first.cursor }), ["a4"]);
      await store.remove(idOf("a0"));
      await store.setStatus(idOf("a2"), "terminated");
      equal(await names({ label: "x" }), ["a2", "a4"]);
      await store.create(agent("a0"));
      equal(await names({ label: "x" }), ["a2", "a4"], "an agent that is made anew has its own");
    },

    "list() gives all agents in order of creation, page by page": async ({ store }) => {
      const names = ["m", "c", "z", "a", "k"];
      await create(store, ...names);
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await store.list({ limit: 2, cursor });
        ok(page.items.length <= 2, "no more than the limit");
        seen.push(...page.items.map((item) => item.name));
        cursor = page.cursor;
      } while (cursor !== undefined && seen.length < 10);
      equal(seen, names);
      equal(await store.list({ limit: 5 }), { items: names.map((name) => agent(name)) });
    },

    "list() goes on after the cursor when agents were removed and added": async ({ store }) => {
      await create(store, "a", "b", "c");
      const { cursor } = await store.list({ limit: 2 });
      await store.remove(idOf("b"));
      await store.remove(idOf("c"));
      await create(store, "d");
      equal((await store.list({ limit: 2, cursor })).items, [agent("d")]);
    },

    "list() keeps to the status and the type asked for": async ({ store }) => {
      await create(store, "a", "b", "c");
      await store.create(agent("d", { type: "other" }), envelope("d", "hello"));
      await store.setStatus(idOf("b"), "quarantined");
      await store.setStatus(idOf("d"), "quarantined");
      const names = async (query: object) =>
        (await store.list({ limit: 10, ...query })).items.map((item) => item.name);
      equal(await names({ status: "quarantined" }), ["b", "d"]);
      equal(await names({ type: "greeter" }), ["a", "b", "c"]);
      equal(await names({ type: "other", status: "quarantined" }), ["d"]);
      equal(await names({ type: "other", status: "live" }), []);
      await rejects(store.list({ limit: 1, cursor: "not a cursor" }), "INVALID");
    },

    "reserve() gives none up to an account that came from elsewhere": async ({ store }) => {
      const first = await store.reserve();
      equal(await store.reserve(first + 10), first + 11);
      equal(await store.reserve(first + 5), first + 12);
      equal(await store.reserve(), first + 13);
    },

    "reserve() never gives an account twice": async ({ store }) => {
      const first = await store.reserve();
      const second = await store.reserve();
      await store.create(agent("alice", { account: second }), envelope("alice", "hello"));
      await store.remove(idOf("alice"));
      const third = await store.reserve();
      ok(first >= 0 && second > first && third > second, "rising accounts");
    },

    "remove() erases the agent and everything it has": async ({ store }) => {
      await create(store, "alice", "bob");
      await deliver(store, "alice", "one", "two");
      await deliver(store, "bob", "one");
      await tick(store, "alice", {
        put: [{ path: "notes/a", value: "x" }],
        send: [envelope("bob", "out")],
        bury: [{ envelope: envelope("alice", "two"), attempts: 1, reason: "No" }],
      });
      const held = await claim(store, "alice");
      await store.remove(idOf("alice"));
      for (const ref of ["alice", idOf("alice"), agent("alice").publicKey]) {
        equal(await store.get(ref), undefined);
      }
      equal(await store.outbox(0, 10), []);
      await rejects(store.commit(held, { log: logRow(3) }), "STALE_CLAIM");
      equal((await store.list({ limit: 10 })).items, [agent("bob")]);
      equal(ids(await inbox(store, "bob")), ["one"]);

      await store.create(agent("alice"), envelope("alice", "one"));
      equal(ids(await inbox(store, "alice")), ["one"]);
      equal(await store.mail(idOf("alice"), { box: "deadletter", limit: 9 }), []);
      equal(await store.files(idOf("alice"), { prefix: "", limit: 9 }), []);
      equal(await store.head(idOf("alice")), undefined);
      equal(await store.log(idOf("alice"), 0, 9), []);
      await store.remove(idOf("nobody"));
    },

    "calls for an agent that is not there reject with NOT_FOUND": async ({ store }) => {
      const id = idOf("nobody");
      await rejects(store.update(id, { name: "bob" }), "NOT_FOUND");
      await rejects(store.setStatus(id, "live"), "NOT_FOUND");
      await rejects(store.mail(id, { box: "inbox", limit: 1 }), "NOT_FOUND");
      await rejects(store.depth(id), "NOT_FOUND");
      await rejects(store.replay(id, "x"), "NOT_FOUND");
      await rejects(store.discard(id, "x"), "NOT_FOUND");
      await rejects(store.read(id, ["x"]), "NOT_FOUND");
      await rejects(store.files(id, { prefix: "", limit: 1 }), "NOT_FOUND");
      const words = { words: ["x"], areas: ["kv"], limit: 1 } as const;
      await rejects(store.search(id, words), "NOT_FOUND");
      await rejects(store.head(id), "NOT_FOUND");
      await rejects(store.log(id, 0, 1), "NOT_FOUND");
      await rejects(store.waiting(id, { limit: 1 }), "NOT_FOUND");
      await rejects(store.claim(id, 0, 1), "NOT_FOUND");
    },
  },
};
