import type { Clock, HomeFile, Random } from "../../core/ports/index.ts";
import { tryOnce } from "./attempt.ts";
import type { Attempt, AttemptOptions, Tried } from "./attempt.ts";
import type { CloudEvent } from "./events.ts";
import { PATHS, dueOf, jsonFile, placeOf } from "./files.ts";
import type { Health, Place, WebhookFiles } from "./files.ts";
import {
  DISABLE_AFTER,
  FURTHEST,
  GIVE_UP_AFTER,
  LONGEST_REST,
  RETRIES,
  jittered,
} from "./retries.ts";
import type { StoredWebhook } from "./subscription.ts";

/** Events on their way to one webhook at once. */
const PER_WEBHOOK = 4;
/** Requests to one host at once, of all webhooks. */
const PER_HOST = 8;
/** Agents that are looked at once, and of each so many deliveries. */
const AGENTS = 64;
const PER_AGENT = 16;
/** Retries that are due, of which whose they are is looked at. */
const MOST_RETRIES = 4000;
/** Deliveries that are over and still known, of one webhook. */
export const LOG_LENGTH = 200;
/** How long nothing is sent to a webhook when what became of it could not be written, ms. */
const AFTER_PROBLEM = 10_000;
/** Tries that are known of one delivery. */
const KEPT_TRIES = 20;
/** They are cut to `LOG_LENGTH` when there are so many more. */
const LOG_SLACK = 50;

export interface SenderOptions extends AttemptOptions {
  readonly files: WebhookFiles;
  readonly clock: Clock;
  readonly random: Random;
  /** The webhook as it is now; undefined when it is gone. */
  readonly webhook: (id: string) => StoredWebhook | undefined;
  /** Stops a webhook for good, saying why. */
  readonly disable: (id: string, why: string) => Promise<void>;
  /** Nothing is under way for a webhook any more. */
  readonly ended: (id: string) => void;
}

/** What is being sent to one webhook. */
interface Work {
  /** Lists what is due anew, as there may be more. */
  stir: () => void;
  readonly ended: Promise<void>;
}

/**
 * Sends what is due. Of each webhook and agent there is one event under way at a time, in the order of
 * what the agent did; what failed is tried again later, and does not hold up what is behind it. While a
 * receiver cannot be reached, or asks to be left alone, everything for it waits in its order.
 */
export class Sender {
  readonly #options: SenderOptions;
  readonly #work = new Map<string, Work>();
  readonly #hosts = new Map<string, Host>();
  readonly #health = new Map<string, Health | undefined>();
  readonly #logged = new Map<string, number>();
  /** Until when nothing is sent to a webhook, as what becomes of it cannot be written. */
  readonly #blocked = new Map<string, number>();
  #stopped = false;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Sends what is due for these webhooks now, and what becomes due meanwhile; resolves when all was tried. */
  async takeUp(ids: readonly string[]): Promise<void> {
    await Promise.all(
      ids.map((id) => {
        this.stir(id);
        return this.#work.get(id)?.ended ?? this.#begin(id);
      }),
    );
  }

  /** True while something is under way. */
  get busy(): boolean {
    return this.#work.size > 0;
  }

  /** More may be due for a webhook: it is looked at now where it is being sent to. */
  stir(id: string): void {
    this.#work.get(id)?.stir();
  }

  /** When something is due for a webhook next; undefined for never, and while something is under way. */
  async nextDue(id: string): Promise<number | undefined> {
    const { files, clock } = this.#options;
    if (this.#work.has(id)) return undefined;
    const [waiting] = await files.paths(PATHS.waitings(id), { limit: 1 });
    const [retry] = await files.paths(PATHS.retries(id), { limit: 1 });
    const times = [
      ...(waiting === undefined ? [] : [clock.now()]),
      ...(retry === undefined ? [] : [dueOf(retry)]),
    ];
    if (times.length === 0) return undefined;
    const now = clock.now();
    // What was put off by a clock that was ahead is above all that was not: it is looked for alone.
    const [ahead] = await files.paths(PATHS.retries(id), {
      limit: 1,
      after: PATHS.dueBy(id, now + FURTHEST),
    });
    if (ahead !== undefined) times.push(now);
    const until = restsUntil(await this.#healthOf(id), now);
    return Math.max(Math.min(...times), until, this.#blocked.get(id) ?? 0);
  }

  /** Sends an event at once, whatever waits; a receiver that takes it is well again. */
  async ping(webhook: StoredWebhook, event: CloudEvent): Promise<Attempt> {
    const { attempt, verdict } = await this.#send(webhook, event);
    if (verdict === "delivered") await this.heal(webhook.id);
    return attempt;
  }

  /** Forgets what was wrong with a receiver. */
  async heal(id: string): Promise<void> {
    if ((await this.#healthOf(id)) === undefined) return;
    this.#health.set(id, undefined);
    await this.#options.files.write({ remove: [PATHS.health(id)] });
  }

  async health(id: string): Promise<Health | undefined> {
    return this.#healthOf(id);
  }

  /** Begins nothing any more; resolves when what is under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const all = [...this.#work.values()];
    for (const { stir } of all) stir();
    await Promise.all(all.map(({ ended }) => ended));
  }

  #begin(id: string): Promise<void> {
    const { clock, ended: tell } = this.#options;
    const stirs = { stir: (): void => undefined };
    const drain = async (): Promise<void> => {
      try {
        if ((this.#blocked.get(id) ?? 0) > clock.now()) return;
        await this.#drain(id, stirs);
        this.#blocked.delete(id);
      } catch (error) {
        this.#blocked.set(id, clock.now() + AFTER_PROBLEM);
        throw error;
      }
    };
    const ended = drain().finally(() => {
      this.#work.delete(id);
      tell(id);
    });
    this.#work.set(id, {
      get stir() {
        return stirs.stir;
      },
      ended,
    });
    return ended;
  }

  async #drain(id: string, stirs: { stir: () => void }): Promise<void> {
    const flights = new Map<string, Promise<void>>();
    const lanes = new Set<string>();
    const failed: unknown[] = [];
    let stirred = Promise.withResolvers<void>();
    stirs.stir = () => stirred.resolve();
    let known: Place[] = [];
    // Agents are gone round, so that one that does much holds up no other.
    let last: string | undefined;
    let stale = true;
    // Paths that were taken and may still be in a list that was read before they were done with.
    const taken = new Set<string>();
    while (failed.length === 0 && !this.#stopped) {
      const webhook = this.#options.webhook(id);
      if (webhook === undefined || !webhook.active) break;
      const health = await this.#healthOf(id);
      const now = this.#options.clock.now();
      const isResting = restsUntil(health, now) > now;
      // A receiver that could not be reached is tried with one event before it gets more.
      const room = (health === undefined || health.failures === 0 ? PER_WEBHOOK : 1) - flights.size;
      if (!isResting && room > 0) {
        if (stale) {
          if (flights.size === 0) taken.clear();
          known = await this.#due(id, { now, after: last });
          stale = false;
        }
        known = known.filter(({ path }) => !taken.has(path));
        const next = known.find(({ agent }) => !lanes.has(agent));
        if (next !== undefined) {
          taken.add(next.path);
          const { agent } = next;
          lanes.add(agent);
          last = agent;
          const flight = this.#deliver(webhook, next)
            .then((isLeft) => void (isLeft && taken.delete(next.path)))
            .catch((error: unknown) => void failed.push(error))
            .finally(() => {
              flights.delete(next.path);
              lanes.delete(agent);
            });
          flights.set(next.path, flight);
          continue;
        }
      }
      if (flights.size === 0) break;
      const isStirred = stirred.promise.then(() => true);
      const more = [...flights.values()].map((flight) => flight.then(() => false));
      stale = (await Promise.race([isStirred, ...more])) || known.length === 0;
      if (stale) stirred = Promise.withResolvers<void>();
    }
    await Promise.all(flights.values());
    if (failed.length > 0) throw failed[0];
  }

  /**
   * Where deliveries are that are due: of many agents a few each, the first of each before the second of
   * any, beginning behind `after`. None is read before it is sent, as each may be large.
   */
  async #due(
    id: string,
    { now, after }: { readonly now: number; readonly after: string | undefined },
  ): Promise<Place[]> {
    const { files } = this.#options;
    const found = new Map<string, Place[]>();
    let looked = 0;
    const due = files.eachPath(PATHS.retries(id), { before: PATHS.dueBy(id, now) });
    const ahead = files.eachPath(PATHS.retries(id), { after: PATHS.dueBy(id, now + FURTHEST) });
    for await (const path of both(due, ahead)) {
      if ((looked += 1) > MOST_RETRIES) break;
      const place = placeOf(path);
      const places = found.get(place.agent) ?? [];
      if (places.length < PER_AGENT) found.set(place.agent, [...places, place]);
      if (found.size === AGENTS) break;
    }
    let agent = after;
    let isAround = after === undefined;
    for (let count = 0; count < AGENTS; count += 1) {
      const [next] = await files.paths(PATHS.waitings(id), {
        limit: 1,
        after: agent && PATHS.afterAgent(id, agent),
      });
      if (next === undefined) {
        if (isAround) break;
        [agent, isAround] = [undefined, true];
        continue;
      }
      ({ agent } = placeOf(next));
      const waiting = await files.paths(PATHS.waitingsOf(id, agent), { limit: PER_AGENT });
      found.set(agent, [...(found.get(agent) ?? []), ...waiting.map(placeOf)]);
      if (isAround && after !== undefined && agent >= after) break;
    }
    const all = [...found.values()];
    const rounds = Array.from({ length: 2 * PER_AGENT }, (_, i) =>
      all.flatMap((places) => places.slice(i, i + 1)),
    );
    return rounds.flat();
  }

  /** True when it is still where it was. */
  async #deliver(webhook: StoredWebhook, { path }: Place): Promise<boolean> {
    const { files, clock, disable } = this.#options;
    const { id } = webhook;
    const delivery = await files.delivery(path);
    if (delivery === undefined) return false;
    const tried = await this.#send(webhook, delivery.event);
    // Removed meanwhile: its deliveries went with it.
    if (this.#options.webhook(id) === undefined) return false;
    const tries = [...delivery.tries, tried.attempt];
    const { dueAt: _due, ...rest } = delivery;
    if (tried.verdict === "delivered") {
      const was = await this.#healthOf(id);
      this.#health.set(id, undefined);
      await files.write({
        remove: [path, ...(was === undefined ? [] : [PATHS.health(id)])],
        put: [jsonFile(PATHS.log(id, delivery.id), { ...rest, tries, outcome: "delivered" })],
      });
      await this.#cutLog(id);
      return false;
    }
    const health = await this.#worse(id, tried);
    const put: HomeFile[] = [jsonFile(PATHS.health(id), health)];
    const now = clock.now();
    const isAgain = tried.verdict === "again";
    const isOver =
      now - delivery.notedAt > GIVE_UP_AFTER || (isAgain && tries.length > RETRIES.length);
    if (isOver) {
      put.push(jsonFile(PATHS.log(id, delivery.id), { ...rest, tries, outcome: "failed" }));
      await files.write({ remove: [path], put });
      await this.#cutLog(id);
    } else if (isAgain) {
      const wait = jittered(this.#options.random, RETRIES[tries.length - 1]!);
      const dueAt = Math.max(now + wait, tried.notBefore ?? 0);
      put.push(jsonFile(PATHS.retry(id, dueAt, delivery), { ...rest, tries, dueAt }));
      await files.write({ remove: [path], put });
    } else {
      // It keeps its place before all others; of a long outage the newest tries are kept.
      put.push(jsonFile(path, { ...delivery, tries: tries.slice(-KEPT_TRIES) }));
      await files.write({ put });
    }
    if (tried.verdict === "gone") await disable(id, "its receiver answered 410: gone");
    else if (now - health.failingSince > DISABLE_AFTER) {
      const days = DISABLE_AFTER / 86_400_000;
      await disable(id, `its receiver has taken nothing for ${days} days`);
    }
    return !isOver && !isAgain;
  }

  async #worse(id: string, { verdict, notBefore }: Tried): Promise<Health> {
    const { clock, random } = this.#options;
    const now = clock.now();
    const known = await this.#healthOf(id);
    const { failures = 0 } = known ?? {};
    const failingSince = Math.min(known?.failingSince ?? now, now);
    const until = restsUntil(known, now);
    // An answer, whatever it says, is one of a receiver that can be reached.
    if (verdict !== "rest") {
      const health = { failingSince, failures: 0, until: 0 };
      this.#health.set(id, health);
      return health;
    }
    const wait = RETRIES[Math.min(failures, RETRIES.length - 1)]!;
    const rest = now + jittered(random, Math.min(wait, LONGEST_REST));
    const health = {
      failingSince,
      failures: failures + 1,
      until: Math.max(until, rest, notBefore ?? 0),
    };
    this.#health.set(id, health);
    return health;
  }

  async #send(webhook: StoredWebhook, event: CloudEvent): Promise<Tried> {
    const { host } = new URL(webhook.url);
    const slots = this.#hosts.get(host) ?? new Host();
    this.#hosts.set(host, slots);
    await slots.enter();
    try {
      return await tryOnce(webhook, event, this.#options);
    } finally {
      if (slots.leave()) this.#hosts.delete(host);
    }
  }

  async #healthOf(id: string): Promise<Health | undefined> {
    if (!this.#health.has(id)) this.#health.set(id, await this.#options.files.health(id));
    return this.#health.get(id);
  }

  async #cutLog(id: string): Promise<void> {
    const { files } = this.#options;
    let length = this.#logged.get(id);
    if (length === undefined) {
      length = await files.count(PATHS.logs(id));
    } else length += 1;
    if (length > LOG_LENGTH + LOG_SLACK) {
      const limit = Math.min(length - LOG_LENGTH, 1000);
      const oldest = await files.paths(PATHS.logs(id), { limit });
      await files.write({ remove: oldest });
      length -= oldest.length;
    }
    this.#logged.set(id, length);
  }
}

/** Until when a receiver is left alone; a time too far ahead is one of a clock that was wrong. */
function restsUntil(health: Health | undefined, now: number): number {
  const { until = 0 } = health ?? {};
  return until > now + FURTHEST ? 0 : until;
}

async function* both<T>(first: AsyncIterable<T>, second: AsyncIterable<T>): AsyncGenerator<T> {
  yield* first;
  yield* second;
}

/** Requests to one host: so many at once, the others one after the other. */
class Host {
  #free = PER_HOST;
  readonly #waiting: (() => void)[] = [];

  async enter(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** True when nobody is left. */
  leave(): boolean {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
    return this.#free === PER_HOST;
  }
}
