import { errorInfo } from "../../core/errors.ts";
import type { Clock } from "../../core/ports/index.ts";
import { PACKAGE_VERSION } from "../../core/version.ts";
import { signStandard, standardKey } from "../../drivers/webhook.ts";
import type { CloudEvent } from "./events.ts";
import { LONGEST_RETRY_AFTER } from "./retries.ts";
import { checkTarget } from "./subscription.ts";
import type { StoredWebhook } from "./subscription.ts";

/** One request to a receiver. */
export interface Posting {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Its time is up. */
  readonly signal: AbortSignal;
}

/** What a receiver answered. */
export interface Posted {
  readonly status: number;
  readonly retryAfter?: string | undefined;
  /** How its body begins: at most 500 characters. */
  readonly body?: string | undefined;
}

/**
 * Posts, follows no redirection, and reads no more of an answer than 16 KiB. Where there are private
 * networks it makes sure, at each connection, that the address it connects to is none of them, unless
 * they are allowed. Rejects when there is no answer.
 */
export type Post = (posting: Posting) => Promise<Posted>;

/** A try to deliver an event. */
export interface Attempt {
  /** ms since 1970. */
  readonly at: number;
  /** How long it took. */
  readonly ms: number;
  /** What the receiver answered; absent when it did not. */
  readonly status?: number;
  readonly error?: string;
  /** How the body of its answer begins, where that was no success. */
  readonly body?: string;
}

/**
 * What follows from a try. `again`: this event, later; `rest`: all of them, as the receiver cannot be
 * reached or asks to be left alone; `gone`: it wants no more (410).
 */
export type Verdict = "delivered" | "again" | "rest" | "gone";

export interface Tried {
  readonly attempt: Attempt;
  readonly verdict: Verdict;
  /** Not before this time, as the receiver asks; ms since 1970. */
  readonly notBefore?: number;
}

export interface AttemptOptions {
  readonly post: Post;
  readonly clock: Clock;
  readonly allowPrivate: boolean;
  /** How long a receiver may take, ms. */
  readonly timeout: number;
}

/** Sends an event to a webhook once, signed by each of its secrets that is good. Never throws. */
export async function tryOnce(
  webhook: StoredWebhook,
  event: CloudEvent,
  options: AttemptOptions,
): Promise<Tried> {
  const { post, clock, allowPrivate, timeout } = options;
  const at = clock.now();
  const late = new AbortController();
  const stop = clock.after(timeout, () =>
    late.abort(new Error(`it did not answer within ${timeout / 1000}s`)),
  );
  try {
    const url = checkTarget(webhook.url, allowPrivate);
    const body = JSON.stringify(event);
    const headers = await headersOf(webhook, { id: event.id, body, at });
    const posted = await untilAborted(
      late.signal,
      post({ url, headers, body, signal: late.signal }),
    );
    return judged(posted, at, clock.now());
  } catch (error) {
    const { message } = errorInfo(late.signal.aborted ? late.signal.reason : error);
    const attempt = { at, ms: clock.now() - at, error: message.slice(0, 500) };
    return { attempt, verdict: "rest" };
  } finally {
    stop();
  }
}

async function headersOf(
  { secrets }: StoredWebhook,
  { id, body, at }: { readonly id: string; readonly body: string; readonly at: number },
): Promise<Record<string, string>> {
  const timestamp = String(Math.floor(at / 1000));
  const good = secrets.filter(({ until }) => until === undefined || until > at);
  const signatures = await Promise.all(
    good.map(({ secret }) => signStandard(standardKey(secret)!, { id, timestamp, body })),
  );
  return {
    "content-type": "application/cloudevents+json; charset=utf-8",
    "user-agent": `OpenAgents-Runtime/${PACKAGE_VERSION}`,
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": signatures.join(" "),
  };
}

function judged({ status, retryAfter, body }: Posted, at: number, now: number): Tried {
  const attempt: Attempt = { at, ms: now - at, status };
  if (status >= 200 && status < 300) return { attempt, verdict: "delivered" };
  const failed: Attempt = {
    ...attempt,
    error:
      status >= 300 && status < 400
        ? `it answered ${status}: redirections are not followed`
        : `it answered ${status}`,
    ...(body !== undefined && body !== "" && { body: body.slice(0, 500).toWellFormed() }),
  };
  if (status === 410) return { attempt: failed, verdict: "gone" };
  const notBefore = retryTime(retryAfter, now);
  return {
    attempt: failed,
    verdict: status === 429 || status === 503 ? "rest" : "again",
    ...(notBefore !== undefined && { notBefore }),
  };
}

/** `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date. */
function retryTime(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const time = /^\d{1,9}$/.test(text) ? now + Number(text) * 1000 : Date.parse(text);
  if (!Number.isFinite(time) || time <= now) return undefined;
  return Math.min(time, now + LONGEST_RETRY_AFTER);
}

/** A post that does not heed its signal is not waited for. */
async function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => undefined);
  const abort = (): void => aborted.reject(signal.reason as Error);
  signal.addEventListener("abort", abort);
  work.catch(() => undefined);
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
