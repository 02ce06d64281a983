import type { NostrEvent } from "../../identity/event.ts";
import { GIFT_WRAP } from "../../identity/nip59.ts";
import type { Counters } from "./counters.ts";
import type { NostrLimits } from "./limits.ts";
import { LEGACY, NOTE } from "./public-event.ts";
import type { Relay } from "./relay.ts";
import type { Filter } from "./wire.ts";

export interface BacklogOptions<T> {
  readonly relay: Pick<Relay, "query" | "refuse">;
  /** Public keys (hex) of those who are read for. */
  readonly keys: readonly string[];
  /** Seconds since 1970, both included. */
  readonly from: number;
  readonly until: number;
  readonly limits: Pick<NostrLimits, "page" | "backlogLength">;
  readonly counters: Pick<Counters, "refused">;
  /** Opens events, while the next ones are on their way. */
  readonly open: (events: readonly NostrEvent[]) => Promise<readonly T[]>;
  /** Takes in what was opened, the older parts first. */
  readonly deliver: (opened: readonly T[]) => Promise<void>;
  /** False when it is not wanted any more. */
  readonly wanted: () => boolean;
}

/** Fewer events than this are never all that a relay gives at once. */
const CROWD = 20;
/** UTF-16 units that an event takes beside its content. */
const AROUND = 600;

/**
 * Reads what a relay has stored for some keys. Relays give the newest events first, a page at a time,
 * so that all of it is read, and opened, before the first is delivered; where that is more than fits in memory, the
 * newer part is forgotten and read once more after the older one.
 */
export async function readBacklog<T>(options: BacklogOptions<T>): Promise<void> {
  const rest: Stretch[] = [{ until: options.until, room: options.limits.backlogLength }];
  let { from } = options;
  for (let next = rest.pop(); next !== undefined && options.wanted(); next = rest.pop()) {
    const part = await collect(options, { from, ...next, leave: (later) => rest.push(later) });
    if (!options.wanted()) return;
    await options.deliver(part.opened.toReversed());
    // Once more from its last second on: there may be others of the same one.
    from = part.until;
  }
}

/** What is read together: up to a time, and how long it may be. */
interface Stretch {
  readonly until: number;
  readonly room: number;
}

interface Range extends Stretch {
  readonly from: number;
  /** A stretch is forgotten, and to be read later. */
  readonly leave: (stretch: Stretch) => void;
}

/** Reads pages from the newest back; the oldest events, opened, and up to which time these are. */
async function collect<T>(
  options: BacklogOptions<T>,
  { from, until: end, room, leave }: Range,
): Promise<{ readonly opened: readonly T[]; readonly until: number }> {
  const { relay, keys, limits, open, wanted } = options;
  const ids = new Set<string>();
  let opened: T[] = [];
  let opening: Promise<void> = Promise.resolve();
  let length = 0;
  let top = end;
  let until = end;
  const keep = (some: readonly NostrEvent[]): void => {
    const more = some.filter(({ id }) => !ids.has(id));
    for (const { id, content } of more) {
      ids.add(id);
      length += content.length + AROUND;
    }
    const into = opened;
    opening = opening.then(async () => void into.push(...(await open(more))));
    // It is waited for at the end.
    opening.catch(() => undefined);
  };
  while (until >= from && wanted()) {
    const page = await ask(relay, { "#p": keys, since: from, until, limit: limits.page });
    if (page.length === 0) break;
    keep(page);
    const oldest = Math.min(...page.map(({ created_at }) => created_at));
    // Others of the same second may be on the next page; where they fill a whole one, that has no next.
    if (oldest === until && page.length >= CROWD) keep(await crowd(options, until, page.length));
    until = oldest < until ? oldest : until - 1;
    if (length > room && until >= from && until < top) {
      // It has this length, and will not be much longer when it is read once more.
      leave({ until: top, room: room * 2 });
      ids.clear();
      opened = [];
      length = 0;
      top = until;
    }
  }
  await opening;
  return { opened, until: top };
}

/** The events of one second, of which a relay has more than it gives at once: for fewer keys each. */
async function crowd(
  options: Pick<BacklogOptions<unknown>, "relay" | "keys" | "limits" | "counters">,
  second: number,
  full: number,
): Promise<readonly NostrEvent[]> {
  const { relay, keys, limits, counters } = options;
  const filter = { since: second, until: second, limit: limits.page };
  if (keys.length > 1) {
    const found: NostrEvent[] = [];
    const middle = Math.ceil(keys.length / 2);
    for (const some of [keys.slice(0, middle), keys.slice(middle)]) {
      const part = await ask(relay, { "#p": some, ...filter });
      found.push(...part);
      if (part.length >= full) {
        found.push(...(await crowd({ ...options, keys: some }, second, full)));
      }
    }
    return found;
  }
  // Others may be hidden behind what wakes nobody; there is no way to ask for still fewer of one kind.
  const parts = await Promise.all(
    [GIFT_WRAP, LEGACY, NOTE].map((kind) => ask(relay, { "#p": keys, kinds: [kind], ...filter })),
  );
  if (parts.some((part) => part.length >= full)) counters.refused("crowded");
  return parts.flat();
}

/** What a relay has for a filter; what it gives beside that is refused. */
async function ask(
  relay: Pick<Relay, "query" | "refuse">,
  filter: Filter & { readonly since: number; readonly until: number },
): Promise<readonly NostrEvent[]> {
  const page = await relay.query(filter);
  const fit = page.filter(
    ({ created_at }) => created_at >= filter.since && created_at <= filter.until,
  );
  for (let i = fit.length; i < page.length; i += 1) relay.refuse("unsolicited");
  return fit;
}
