import assert from "node:assert/strict";
import { test } from "node:test";
import type { AgentStatus } from "../../../src/core/agent.ts";
import { statusReport } from "../../../src/backends/cloudflare/status-report.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import type { DurableObjectStore } from "../../../src/stores/durable-object.ts";
import { agent, idOf } from "../../../src/testing/store/kit.ts";

/** A report over a store in memory, and a directory that answers when it is told to. */
function reporting() {
  const kept = new Map<string, unknown>();
  const reminders = new Map<string, number | undefined>();
  const told: AgentStatus[] = [];
  const directory = { down: false, gate: Promise.resolve() };
  const store: DurableObjectStore = {
    ...bound(),
    rang: () => undefined,
    rest: async () => undefined,
    remind: (about, at) => void reminders.set(about, at),
  };
  const report = statusReport(
    store,
    {
      get: (key: string) => kept.get(key),
      put: (key: string, value: unknown) => void kept.set(key, value),
      delete: (key: string) => kept.delete(key),
    },
    {
      log: () => undefined,
      directory: {
        async setStatus(_agent, status) {
          await directory.gate;
          if (directory.down) throw new Error("The shard is down");
          told.push(status);
        },
        take: async () => undefined,
        hold: async () => undefined,
        release: async () => undefined,
        remove: async () => undefined,
      },
    },
  );
  return { report, told, directory, reminders };
}

/** The methods of a memory store, which are on its class. */
function bound(): DurableObjectStore {
  const store = memoryStore();
  return new Proxy({} as DurableObjectStore, {
    ownKeys: () => Object.getOwnPropertyNames(Object.getPrototypeOf(store)),
    getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
    get: (_target, name) => {
      const method: unknown = Reflect.get(store, name);
      return typeof method === "function" ? method.bind(store) : method;
    },
  });
}

void test("what changes while the directory is told is told as well, however slow it is", async () => {
  const { report, told, directory } = reporting();
  const slow = Promise.withResolvers<void>();
  directory.gate = slow.promise;
  await report.store.create(agent("ada", { status: "arriving" }));
  const first = report.send();
  await new Promise((resolve) => setTimeout(resolve, 5));
  await report.store.setStatus(idOf("ada"), "live");
  slow.resolve();
  await first;
  await report.send();
  assert.equal(told.at(-1), "live");
});

void test("a directory that cannot be told is told by the object's alarm", async () => {
  const { report, told, directory, reminders } = reporting();
  await report.store.create(agent("ada"));
  directory.down = true;
  await report.store.setStatus(idOf("ada"), "failed");
  await report.send();
  assert.equal(typeof reminders.get("directory"), "number");
  directory.down = false;
  await report.send();
  assert.deepEqual([told, reminders.get("directory")], [["failed"], undefined]);
});
