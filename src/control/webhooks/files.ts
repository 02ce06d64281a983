import type {
  Clock,
  HomeFile,
  HomeFiles,
  HomeFilesChange,
  Random,
} from "../../core/ports/index.ts";
import { toHex } from "../../drivers/webhook.ts";
import type { Attempt } from "./attempt.ts";
import type { CloudEvent } from "./events.ts";
import type { StoredWebhook } from "./subscription.ts";

/** An event on its way to a webhook. */
export interface Delivery {
  /** Sorts by when it was noted. */
  readonly id: string;
  readonly event: CloudEvent;
  readonly notedAt: number;
  readonly tries: readonly Attempt[];
  /** Set once it is over. */
  readonly outcome?: "delivered" | "failed";
  /** When it is tried again, ms since 1970. */
  readonly dueAt?: number;
}

/** How a receiver is, where something is wrong. */
export interface Health {
  /** Since when no event got there, ms since 1970. */
  readonly failingSince: number;
  /** Tries in a row that it could not be reached. */
  readonly failures: number;
  /** Nothing is sent before. */
  readonly until: number;
}

/** Where things are in a home's files. */
export const PATHS = {
  webhooks: "webhooks/",
  webhook: (id: string): string => `webhooks/${id}`,
  /** All of a webhook but itself. */
  all: (id: string): string => `deliveries/${id}/`,
  health: (id: string): string => `deliveries/${id}/health`,
  /** Deliveries that were not tried yet, by agent and then in their order. */
  waitings: (id: string): string => `deliveries/${id}/new/`,
  waiting: (id: string, { id: delivery, event }: Delivery): string =>
    `deliveries/${id}/new/${agentOf(event)}/${delivery}`,
  /** Above all that waits of an agent, and below that of the next one. */
  afterAgent: (id: string, agent: string): string => `deliveries/${id}/new/${agent}/~`,
  waitingsOf: (id: string, agent: string): string => `deliveries/${id}/new/${agent}/`,
  /** Deliveries that are tried again, by when. */
  retries: (id: string): string => `deliveries/${id}/retry/`,
  retry: (id: string, dueAt: number, { id: delivery, event }: Delivery): string =>
    `deliveries/${id}/retry/${digits(dueAt)}-${delivery}/${agentOf(event)}`,
  /** Above what is due by a time. */
  dueBy: (id: string, time: number): string => `deliveries/${id}/retry/${digits(time + 1)}`,
  /** What is over. */
  logs: (id: string): string => `deliveries/${id}/log/`,
  log: (id: string, delivery: string): string => `deliveries/${id}/log/${delivery}`,
  /** The newest tick of each agent that was looked at. */
  cursors: "deliveries/cursors/",
  cursor: (agent: string): string => `deliveries/cursors/${agent}`,
} as const;

/** A number whose order as text is its own. */
function digits(number: number): string {
  return String(Math.floor(number)).padStart(16, "0");
}

function agentOf({ source }: CloudEvent): string {
  return source.slice(source.lastIndexOf("/") + 1);
}

/** A delivery that waits: where it is, and whose event it is. */
export interface Place {
  readonly path: string;
  readonly agent: string;
}

/** Whose event it is that waits there, or is tried again. */
export function placeOf(path: string): Place {
  const [, , state, first, second] = path.split("/") as [string, string, string, string, string];
  return { path, agent: state === "new" ? first : second };
}

/** The id of the delivery at a path, whatever its state is. */
export function deliveryOf(path: string): string {
  return /\d{16}-[0-9a-f]{8}(?=$|\/)/.exec(path)?.[0] ?? "";
}

/** When a retry is due, by its path. */
export function dueOf(path: string): number {
  return Number(path.split("/")[3]!.split("-")[0]);
}

/** Ids for deliveries. */
export interface DeliveryIds {
  /** One that sorts above all that were made or seen before, whatever the clock does. */
  next(): string;
  /** Takes note of one that was made by another process. */
  see(id: string): void;
}

export function deliveryIds(clock: Clock, random: Random): DeliveryIds {
  let last = 0;
  return {
    next() {
      last = Math.max(last + 1, clock.now() * 1000);
      // Of those that are over only the log knows: none of them must be written over.
      return `${digits(last)}-${toHex(random.bytes(4))}`;
    },
    see(id) {
      last = Math.max(last, Number(id.slice(0, 16)));
    },
  };
}

/** True for text that looks like the id of a delivery. */
export function isDeliveryId(text: string): boolean {
  return /^\d{16}-[0-9a-f]{8}$/.test(text);
}

const PAGE = 1000;

interface Span {
  readonly limit: number;
  readonly after?: string | undefined;
  readonly before?: string | undefined;
}

/** A home's files, as webhooks use them. */
export class WebhookFiles {
  readonly #files: HomeFiles;

  constructor(files: HomeFiles) {
    this.#files = files;
  }

  async webhooks(): Promise<readonly StoredWebhook[]> {
    const found: StoredWebhook[] = [];
    for await (const { value } of this.each(PATHS.webhooks)) {
      found.push(JSON.parse(value) as StoredWebhook);
    }
    return found;
  }

  async health(id: string): Promise<Health | undefined> {
    const text = await this.#files.read(PATHS.health(id));
    return text === undefined ? undefined : (JSON.parse(text) as Health);
  }

  async delivery(path: string): Promise<Delivery | undefined> {
    const text = await this.#files.read(path);
    return text === undefined ? undefined : (JSON.parse(text) as Delivery);
  }

  /** Paths in their order, of which no value is read. */
  async paths(prefix: string, { limit, after, before }: Span): Promise<readonly string[]> {
    const rows = await this.#files.list({ prefix, limit, after, before, values: false });
    return rows.map(({ path }) => path);
  }

  async *eachPath(
    prefix: string,
    { after: first, before }: Omit<Span, "limit"> = {},
  ): AsyncGenerator<string> {
    for (let after = first; ;) {
      const paths = await this.paths(prefix, { limit: PAGE, after, before });
      yield* paths;
      if (paths.length < PAGE) return;
      after = paths.at(-1)!;
    }
  }

  /** Files by path. One value is in memory at a time: each may be large, and there may be many. */
  async *each(prefix: string): AsyncGenerator<HomeFile> {
    for await (const path of this.eachPath(prefix)) {
      const value = await this.#files.read(path);
      if (value !== undefined) yield { path, value };
    }
  }

  /** How many files there are. */
  async count(prefix: string): Promise<number> {
    let count = 0;
    for await (const _ of this.eachPath(prefix)) count += 1;
    return count;
  }

  /** Removes all that is there. */
  async clear(prefix: string): Promise<void> {
    for (;;) {
      const remove = await this.paths(prefix, { limit: PAGE });
      if (remove.length === 0) return;
      await this.#files.write({ remove });
    }
  }

  /** All of it or nothing, durable. */
  async write(change: HomeFilesChange): Promise<void> {
    await this.#files.write(change);
  }
}

/** A file that holds JSON. */
export function jsonFile(path: string, value: unknown): HomeFile {
  return { path, value: JSON.stringify(value) };
}
