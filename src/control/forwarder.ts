import type { Envelope } from "../core/envelope.ts";
import type { Clock, Forwarder, NewHome, Receipt } from "../core/ports/index.ts";
import { HOPS_HEADER } from "./operations/moves.ts";
import { errorOf } from "./problem.ts";

export interface ForwarderOptions {
  readonly clock: Clock;
  /** How long a home may take to answer, ms. Default 10,000. */
  readonly timeout?: number;
}

/** Mail that goes in one request. */
const BATCH = 64;
/** Characters of payloads in one request, unless one alone has more. */
const BATCH_SIZE = 262_144;
/** How long a home that did not answer is not asked again, ms: at first, and then twice as long each time. */
const FIRST_REST = 1_000;
const LONGEST_REST = 60_000;

/** A home that did not answer when it was last asked. */
interface Down {
  readonly until: number;
  readonly rest: number;
}

/**
 * Passes mail on over HTTP, to `POST /agents/{ref}/mail` of the new home. No redirection is followed:
 * the ticket goes nowhere but where the agent moved to, and into no message of an error. A home that
 * cannot be reached is left alone for a while, so that it does not hold up mail to others.
 */
export function httpForwarder({ clock, timeout = 10_000 }: ForwarderOptions): Forwarder {
  const down = new Map<string, Down>();

  const post = async (to: NewHome, mail: readonly Envelope[]): Promise<readonly Receipt[]> => {
    const ended = new AbortController();
    const stop = clock.after(timeout, () => ended.abort());
    try {
      const response = await fetch(`${to.url.replace(/\/+$/, "")}/agents/${to.agent}/mail`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${to.ticket}`,
          "content-type": "application/json",
          [HOPS_HEADER]: String(to.hops),
        },
        body: JSON.stringify({ mail }),
        redirect: "manual",
        signal: ended.signal,
      });
      const answer: unknown = await response.json();
      if (response.ok) return receiptsIn(answer, mail.length);
      // What a stranger in between says, a proxy or a page to sign in, is not the home's word.
      const refused = errorOf(answer) && REFUSED[response.status];
      return refused === undefined ? [] : mail.map(() => refused);
    } finally {
      stop();
    }
  };
  /** The same, but that one mail that is refused as such does not have the others refused. */
  const postAll = async (to: NewHome, mail: readonly Envelope[]): Promise<readonly Receipt[]> => {
    const receipts = await post(to, mail);
    if (mail.length === 1 || receipts[0] !== "rejected" || new Set(receipts).size > 1)
      return receipts;
    const each: Receipt[] = [];
    for (const one of mail) {
      const [receipt] = await post(to, [one]);
      // What comes after mail that has to wait would overtake it.
      if (receipt === undefined) break;
      each.push(receipt);
    }
    return each;
  };

  return {
    async forward(to, mail) {
      const now = clock.now();
      const known = down.get(to.url);
      if (known !== undefined && now < known.until) return mail.map(() => "busy" as const);
      const receipts: Receipt[] = [];
      for (const batch of batches(mail)) {
        const theirs: readonly Receipt[] = await postAll(to, batch).catch(() => []);
        receipts.push(...batch.map((_, i) => theirs[i] ?? "busy"));
        if (theirs.length > 0) {
          down.delete(to.url);
          // Mail of one sender does not overtake what has to wait.
          if (theirs.length < batch.length || theirs.includes("busy")) break;
          continue;
        }
        const rest = Math.min(known === undefined ? FIRST_REST : known.rest * 2, LONGEST_REST);
        down.set(to.url, { until: clock.now() + rest, rest });
        break;
      }
      return mail.map((_, i) => receipts[i] ?? "busy");
    },
  };
}

/** What became of mail that was refused for good, by the status of the answer. */
const REFUSED: Readonly<Record<number, Receipt>> = {
  400: "rejected",
  401: "moved",
  403: "moved",
  404: "unknown",
  410: "terminated",
  413: "rejected",
  421: "moved",
};

const RECEIPTS: ReadonlySet<unknown> = new Set<Receipt>([
  "accepted",
  "duplicate",
  "dead-lettered",
  "rejected",
  "unknown",
  "terminated",
  "busy",
  "moved",
]);

/** The receipts in an answer; none when it is no answer of a home. */
function receiptsIn(answer: unknown, count: number): readonly Receipt[] {
  const { receipts } = (answer ?? {}) as { readonly receipts?: unknown };
  if (!Array.isArray(receipts) || receipts.length !== count) return [];
  return receipts.every((receipt) => RECEIPTS.has(receipt)) ? (receipts as Receipt[]) : [];
}

function* batches(mail: readonly Envelope[]): Generator<readonly Envelope[]> {
  let batch: Envelope[] = [];
  let size = 0;
  for (const envelope of mail) {
    const more = JSON.stringify(envelope).length;
    if (batch.length > 0 && (batch.length === BATCH || size + more > BATCH_SIZE)) {
      yield batch;
      [batch, size] = [[], 0];
    }
    batch.push(envelope);
    size += more;
  }
  if (batch.length > 0) yield batch;
}
