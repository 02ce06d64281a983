import type { NotedTick, WebhookAdmin } from "../../control/webhooks.ts";
import type { HomeFile, HomeFiles, Page } from "../../core/ports/index.ts";
import type { Schedule, Schedules } from "../../drivers/scheduler.ts";
import type { NotesAnswer } from "./event-notes.ts";
import type { RemoveCall, UpdateCall } from "./home-object.ts";
import type { ObjectNamespace } from "./platform.ts";
import { call } from "./wire.ts";

/** The name of the one object that keeps what is no agent's. */
const NAME = "home";

/** The home's object, as the Worker and other objects see it. */
export interface HomeCalls {
  /** Their `close` does nothing. */
  readonly files: HomeFiles;
  readonly schedules: Schedules;
  readonly webhooks: WebhookAdmin;
  /** Tells it of ticks. */
  notice(ticks: readonly NotedTick[]): Promise<NotesAnswer>;
}

export function homeCalls(namespace: ObjectNamespace): HomeCalls {
  const ask = <T>(method: string, input: unknown): Promise<T> =>
    call<T>(namespace, NAME, { method, input });
  return {
    files: {
      read: async (path) => (await ask<string | null>("files.read", { path })) ?? undefined,
      list: (query) => ask<readonly HomeFile[]>("files.list", query),
      write: (change) => ask<boolean>("files.write", change),
      close: async () => undefined,
    },
    schedules: {
      create: (given) => ask<Schedule>("schedules.create", given),
      get: (id) => ask<Schedule>("schedules.get", { id }),
      list: (query = {}) => ask<Page<Schedule>>("schedules.list", query),
      update: (id, change, options = {}) =>
        ask<Schedule>("schedules.update", { id, change, options } satisfies UpdateCall),
      async remove(id, options = {}) {
        await ask("schedules.remove", { id, options } satisfies RemoveCall);
      },
    },
    webhooks: {
      create: (input) => ask("webhooks.create", input),
      get: (id) => ask("webhooks.get", { id }),
      list: () => ask("webhooks.list", null),
      update: (id, change, options = {}) => ask("webhooks.update", { id, change, options }),
      async remove(id, options = {}) {
        await ask("webhooks.remove", { id, options } satisfies RemoveCall);
      },
      rotate: (id) => ask("webhooks.rotate", { id }),
      ping: (id) => ask("webhooks.ping", { id }),
      deliveries: (id, limit) => ask("webhooks.deliveries", { id, limit }),
      redeliver: (id, delivery) => ask("webhooks.redeliver", { id, delivery }),
    },
    notice: (ticks) => ask("webhooks.notice", ticks),
  };
}
