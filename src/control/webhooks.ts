import { OpenAgentsError } from "../core/errors.ts";
import { checkRevision } from "../core/if-match.ts";
import type { Guarded } from "../core/if-match.ts";
import type { Clock, HomeFiles, Random } from "../core/ports/index.ts";
import { uuidv7 } from "../core/uuid.ts";
import type { Attempt, Post } from "./webhooks/attempt.ts";
import { pingOf } from "./webhooks/events.ts";
import type { CloudEvent, NotedTick } from "./webhooks/events.ts";
import {
  PATHS,
  WebhookFiles,
  deliveryIds,
  deliveryOf,
  isDeliveryId,
  jsonFile,
} from "./webhooks/files.ts";
import type { Delivery, DeliveryIds, Health } from "./webhooks/files.ts";
import { Notes } from "./webhooks/notes.ts";
import type { PastTicks } from "./webhooks/notes.ts";
import { Sender } from "./webhooks/sender.ts";
import {
  checkedWebhook,
  newSecret,
  shownWebhook,
  webhookRevision,
} from "./webhooks/subscription.ts";
import type {
  StoredWebhook,
  Webhook,
  WebhookChange,
  WebhookInput,
  WebhookWithSecret,
} from "./webhooks/subscription.ts";

export type { Attempt, Post, Posted, Posting } from "./webhooks/attempt.ts";
export { fetchPost } from "./webhooks/fetch-post.ts";
export { EVENT_TYPES } from "./webhooks/events.ts";
export type { CloudEvent, NotedTick } from "./webhooks/events.ts";
export type { PastTicks } from "./webhooks/notes.ts";
export { checkTarget, privateTarget } from "./webhooks/subscription.ts";
export type {
  Webhook,
  WebhookChange,
  WebhookInput,
  WebhookWithSecret,
} from "./webhooks/subscription.ts";

export interface WebhooksOptions {
  readonly files: HomeFiles;
  readonly clock: Clock;
  readonly random: Random;
  readonly post: Post;
  /** Private addresses may be sent to. Default false. */
  readonly allowPrivate?: boolean;
  /** How long a receiver may take to answer, ms. Default 10,000. */
  readonly timeout?: number;
  /** `nextDue` may have changed: for a host that keeps the time, and calls `takeUp` then. */
  readonly due?: () => void;
}

/** Webhooks that may be on at once, and events that may wait for one. */
const MOST_WEBHOOKS = 1000;
const MOST_WAITING = 100_000;
/** How long a secret that was replaced still signs, ms. */
const OLD_SECRET = 86_400_000;
/** A host's timer looks again so often, ms, when files could not be read. */
const AFTER_PROBLEM = 10_000;

/** How an event is doing on its way. */
export interface DeliveryInfo {
  readonly id: string;
  readonly event: CloudEvent;
  readonly state: "waiting" | "delivered" | "failed";
  readonly notedAt: number;
  /** When it is tried again, where that is known. */
  readonly dueAt?: number;
  readonly tries: readonly Attempt[];
}

/** A webhook, and how its receiver is. */
export type WebhookReport = Webhook & Partial<Health>;

/** What the API does with webhooks, wherever they are. */
export type WebhookAdmin = Pick<
  Webhooks,
  "create" | "get" | "list" | "update" | "remove" | "rotate" | "ping" | "deliveries" | "redeliver"
>;

/**
 * Webhooks out: events of agents, sent to whoever wants them. What an event is made of is a committed
 * tick, and it is noted in the home's files before it is sent; so it is sent at least once, and what was
 * undone never.
 */
export class Webhooks {
  readonly #options: WebhooksOptions;
  readonly #files: WebhookFiles;
  readonly #webhooks = new Map<string, StoredWebhook>();
  readonly #waiting = new Map<string, number>();
  readonly #notes: Notes;
  readonly #sender: Sender;
  readonly #ids: DeliveryIds;
  #loaded: Promise<void> | undefined;
  /** Changes of one webhook, one after the other. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(options: WebhooksOptions) {
    const { clock, random, post, allowPrivate = false, timeout = 10_000 } = options;
    this.#options = options;
    this.#files = new WebhookFiles(options.files);
    this.#ids = deliveryIds(clock, random);
    this.#notes = new Notes({
      files: this.#files,
      webhooks: () => [...this.#webhooks.values()],
      newId: () => this.#ids.next(),
      now: () => clock.now(),
      noted: async (counts) => this.#noted(counts),
    });
    this.#sender = new Sender({
      files: this.#files,
      clock,
      random,
      post,
      allowPrivate,
      timeout,
      webhook: (id) => this.#webhooks.get(id),
      disable: async (id, why) => this.#disable(id, why),
      ended: () => this.#options.due?.(),
    });
  }

  /** Makes a webhook, and its secret. @throws INVALID; DENIED for a private address; LIMIT */
  async create(input: WebhookInput): Promise<WebhookWithSecret> {
    await this.#load();
    const { clock, random, allowPrivate = false } = this.#options;
    const { url, events, ...rest } = checkedWebhook(input, { allowPrivate });
    if (url === undefined || events === undefined) {
      throw new OpenAgentsError("INVALID", 'Cannot make webhook: give its "url" and "events"');
    }
    if (this.#webhooks.size >= MOST_WEBHOOKS) {
      throw new OpenAgentsError("LIMIT", `Cannot make webhook: there are ${MOST_WEBHOOKS}`);
    }
    const secret = newSecret(random);
    const webhook: StoredWebhook = {
      ...(rest as Partial<Webhook>),
      id: uuidv7(clock.now(), random.bytes(10)),
      url,
      events,
      active: rest.active ?? true,
      createdAt: clock.now(),
      secrets: [{ secret }],
    };
    await this.#store(webhook);
    return { ...shownWebhook(webhook), secret };
  }

  /** @throws NOT_FOUND */
  async get(id: string): Promise<WebhookReport> {
    await this.#load();
    const webhook = this.#find(id);
    return { ...shownWebhook(webhook), ...(await this.#sender.health(id)) };
  }

  /** In the order in which they were made. */
  async list(): Promise<readonly Webhook[]> {
    await this.#load();
    return [...this.#webhooks.values()].map(shownWebhook);
  }

  /** Changes what is given. @throws NOT_FOUND, INVALID, DENIED; PRECONDITION when it is at another revision */
  async update(id: string, change: WebhookChange, options?: Guarded): Promise<Webhook> {
    await this.#load();
    const { allowPrivate = false } = this.#options;
    const checked = checkedWebhook(change, { allowPrivate });
    // What comes from now on is what the change is about, and not what is looked at late.
    await this.#notes.flush();
    return this.#change(id, async (webhook) => {
      checkRevision(`webhook "${id}"`, webhookRevision(webhook), options?.ifMatch);
      const { disabled: _why, ...rest } = webhook;
      const isBack = checked.active === true && !webhook.active;
      const next = {
        ...(checked.active === true ? rest : webhook),
        ...checked,
        ...(isBack && { activeSince: this.#options.clock.now() }),
      } as StoredWebhook;
      await this.#store(next);
      if (checked.active === true || checked.url !== undefined) await this.#sender.heal(id);
      this.#options.due?.();
      return shownWebhook(next);
    });
  }

  /** Removes a webhook with all that waits for it and what is known of its deliveries. @throws NOT_FOUND, PRECONDITION */
  async remove(id: string, options?: Guarded): Promise<void> {
    await this.#load();
    await this.#change(id, async (webhook) => {
      checkRevision(`webhook "${id}"`, webhookRevision(webhook), options?.ifMatch);
      await this.#files.write({ remove: [PATHS.webhook(id)] });
      this.#webhooks.delete(id);
      this.#waiting.delete(id);
      await this.#clear(id);
    });
  }

  /** Gives a webhook a new secret; the old one signs as well for a day. @throws NOT_FOUND */
  async rotate(id: string): Promise<WebhookWithSecret> {
    await this.#load();
    const { clock, random } = this.#options;
    return this.#change(id, async (webhook) => {
      const secret = newSecret(random);
      const until = clock.now() + OLD_SECRET;
      const [last] = webhook.secrets;
      const next = { ...webhook, secrets: [{ secret }, { secret: last!.secret, until }] };
      await this.#store(next);
      return { ...shownWebhook(next), secret };
    });
  }

  /** Sends an event of type `webhook.ping` at once, and only once. @throws NOT_FOUND */
  async ping(id: string): Promise<Attempt> {
    await this.#load();
    const webhook = this.#find(id);
    const { clock } = this.#options;
    const event = pingOf(id, { id: `ping:${this.#ids.next()}`, now: clock.now() });
    const attempt = await this.#sender.ping(webhook, event);
    this.#options.due?.();
    return attempt;
  }

  /** The newest deliveries first; those that are over, but for the last 200, are not known any more. */
  async deliveries(id: string, limit = 100): Promise<readonly DeliveryInfo[]> {
    await this.#load();
    this.#find(id);
    // Paths first: much may wait, and each of it may be large.
    let newest: string[] = [];
    const cut = (): string[] => newest.sort(newestFirst).slice(0, limit);
    for (const prefix of [PATHS.waitings(id), PATHS.retries(id), PATHS.logs(id)]) {
      for await (const path of this.#files.eachPath(prefix)) {
        newest.push(path);
        if (newest.length > limit + 1000) newest = cut();
      }
    }
    const found: Delivery[] = [];
    for (const path of cut()) {
      const delivery = await this.#files.delivery(path);
      // One that has another place by now is in the next look.
      if (delivery !== undefined) found.push(delivery);
    }
    return found.map(({ outcome, ...delivery }) => ({ ...delivery, state: outcome ?? "waiting" }));
  }

  /** Sends an event again that was delivered or given up, as a new delivery. @throws NOT_FOUND */
  async redeliver(id: string, delivery: string): Promise<{ readonly id: string }> {
    await this.#load();
    this.#find(id);
    const known = isDeliveryId(delivery)
      ? await this.#files.delivery(PATHS.log(id, delivery))
      : undefined;
    if (known === undefined) {
      throw new OpenAgentsError(
        "NOT_FOUND",
        `There is no delivery "${delivery}" that is over: see "deliveries"`,
      );
    }
    const again: Delivery = {
      id: this.#ids.next(),
      event: known.event,
      notedAt: this.#options.clock.now(),
      tries: [],
    };
    await this.#files.write({ put: [jsonFile(PATHS.waiting(id, again), again)] });
    this.#sender.stir(id);
    this.#options.due?.();
    return { id: again.id };
  }

  /**
   * Notes the events of committed ticks; durable when it resolves. The ticks of one agent come in their
   * order; one that comes again is passed over.
   */
  async notice(ticks: readonly NotedTick[]): Promise<void> {
    await this.#load();
    await this.#notes.notice(ticks);
  }

  /** Notes what agents did while nobody noticed: to be called at the start, before they go on. */
  async catchUp(past: PastTicks): Promise<void> {
    await this.#load();
    await this.#notes.catchUp(past);
  }

  /** Sends what is due now; resolves when all of it was tried. May be called at any time. */
  async takeUp(): Promise<void> {
    await this.#load();
    await this.#sender.takeUp(this.#active());
  }

  /** True while requests are under way. */
  get sending(): boolean {
    return this.#sender.busy;
  }

  /** When `takeUp` has something to do next, ms since 1970; undefined for never. */
  async nextDue(): Promise<number | undefined> {
    await this.#load();
    const times = await Promise.all(this.#active().map((id) => this.#sender.nextDue(id)));
    const known = times.filter((time) => time !== undefined);
    return known.length === 0 ? undefined : Math.min(...known);
  }

  /** Begins no request any more; resolves when those under way have ended and all is written. */
  async stop(): Promise<void> {
    await this.#sender.stop();
    if (this.#webhooks.size > 0) await this.#notes.flush();
  }

  #active(): readonly string[] {
    return [...this.#webhooks.values()].filter(({ active }) => active).map(({ id }) => id);
  }

  #load(): Promise<void> {
    this.#loaded ??= (async () => {
      for (const webhook of await this.#files.webhooks()) {
        const { id } = webhook;
        let count = 0;
        for await (const path of this.#files.eachPath(PATHS.waitings(id))) {
          this.#ids.see(deliveryOf(path));
          count += 1;
        }
        this.#waiting.set(id, count);
        this.#webhooks.set(id, webhook);
      }
      await this.#notes.load();
    })().catch((error: unknown) => {
      this.#loaded = undefined;
      throw error;
    });
    return this.#loaded;
  }

  #find(id: string): StoredWebhook {
    const webhook = this.#webhooks.get(id);
    if (webhook !== undefined) return webhook;
    throw new OpenAgentsError("NOT_FOUND", `There is no webhook "${id}"`);
  }

  async #store(webhook: StoredWebhook): Promise<void> {
    await this.#files.write({ put: [jsonFile(PATHS.webhook(webhook.id), webhook)] });
    this.#webhooks.set(webhook.id, webhook);
  }

  /** Changes follow each other, so that none is made of what another one has replaced. */
  #change<T>(id: string, change: (webhook: StoredWebhook) => Promise<T>): Promise<T> {
    const changed = this.#changing.then(() => change(this.#find(id)));
    this.#changing = changed.catch(() => undefined);
    return changed;
  }

  async #disable(id: string, why: string): Promise<void> {
    await this.#change(id, async (webhook) => {
      if (webhook.active) await this.#store({ ...webhook, active: false, disabled: why });
    });
  }

  async #noted(counts: ReadonlyMap<string, number>): Promise<void> {
    for (const [id, count] of counts) {
      const known = this.#waiting.get(id) ?? 0;
      this.#waiting.set(id, known + count);
      if (known + count <= MOST_WAITING) continue;
      // Many may have been sent since: they are counted before anybody is told that there are too many.
      const length = await this.#files.count(PATHS.waitings(id));
      this.#waiting.set(id, length);
      if (length > MOST_WAITING) await this.#disable(id, `more than ${MOST_WAITING} events wait`);
    }
    for (const id of counts.keys()) this.#sender.stir(id);
    this.#options.due?.();
  }

  async #clear(id: string): Promise<void> {
    for (;;) {
      const remove = await this.#files.paths(PATHS.all(id), { limit: 1000 });
      if (remove.length === 0) return;
      await this.#files.write({ remove });
    }
  }
}

function newestFirst(a: string, b: string): number {
  return deliveryOf(a) < deliveryOf(b) ? 1 : -1;
}

/** Webhooks of a home. */
export function webhooks(options: WebhooksOptions): Webhooks {
  return new Webhooks(options);
}

/** Sends what is due by timers, for a host that has them. */
export interface WebhookTimer {
  /** Goes into the options of the webhooks. */
  readonly due: () => void;
  /** Begins; the result ends it. */
  start(webhooks: Webhooks, onProblem: (error: unknown) => void): () => void;
}

export function webhookTimer(clock: Clock): WebhookTimer {
  let look: (() => void) | undefined;
  return {
    due: () => look?.(),
    start(webhooks, onProblem) {
      let cancel: (() => void) | undefined;
      let stopped = false;
      const set = (at: number): void => {
        cancel?.();
        cancel = stopped ? undefined : clock.after(Math.max(0, at - clock.now()), go);
      };
      const failed = (error: unknown): void => {
        onProblem(error);
        set(clock.now() + AFTER_PROBLEM);
      };
      const go = (): void => void webhooks.takeUp().catch(failed);
      const again = async (): Promise<void> => {
        const at = await webhooks.nextDue();
        if (at !== undefined) set(at);
      };
      look = () => void again().catch(failed);
      look();
      return () => {
        stopped = true;
        look = undefined;
        cancel?.();
      };
    },
  };
}
