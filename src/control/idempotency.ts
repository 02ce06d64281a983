import { OpenAgentsError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import type { Clock, HomeFiles } from "../core/ports/index.ts";
import { HttpError } from "./problem.ts";

/** A request that is to have effect once. */
export interface Once {
  /** Whose key it is, so that nobody meets the answers of another. */
  readonly principal: string;
  /** The `Idempotency-Key`. */
  readonly key: string;
  /** What is asked for: the same key for something else is refused. */
  readonly request: string;
  /** The answer has a secret, and is not kept. */
  readonly secret: boolean;
}

/** Answers a request that is sent again as it was answered the first time. */
export interface Idempotency {
  /**
   * Does the work, unless it was done under this key before. What failed may be tried again.
   * @throws BUSY (409) while it is being done; INVALID for a bad key, and one that was for something else
   */
  once(request: Once, work: () => Promise<Response>): Promise<Response>;
}

interface Kept {
  /** Digest of the request. */
  readonly request: string;
  readonly at: number;
  /** Who does it, and until when that holds; only while it is done. */
  readonly by?: { readonly id: string; readonly until?: number };
  /** Absent while it is being done, and after a crash in the middle. */
  readonly answer?: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    /** Absent where there was a secret. */
    readonly body?: string;
  };
}

const PREFIX = "idempotency/";
const BY_TIME = "idempotency-by-time/";
/** How long answers are kept, ms: a day. */
const KEPT = 86_400_000;
/** A lease is renewed this often while it lasts. */
const RENEWALS = 3;
/** Old answers that are dropped with each new one. */
const DROPPED = 10;
/** The headers of an answer that are kept. */
const HEADERS = ["content-type", "location", "etag"] as const;

export interface IdempotencyOptions {
  readonly files: HomeFiles;
  readonly clock: Pick<Clock, "now">;
  /**
   * How long what is being done is known to be, ms, unless it is said again; for homes of many processes.
   * Default: there is this one alone, so that what another one has begun was lost with it.
   */
  readonly lease?: number | undefined;
}

/**
 * `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header) over a home's files. What was begun by a
 * process that ended in the middle of it is done again when it is asked for again: at least once, then.
 */
export function idempotency({ files, clock, lease }: IdempotencyOptions): Idempotency {
  const boot = crypto.randomUUID();
  const owner = (): NonNullable<Kept["by"]> =>
    lease === undefined ? { id: boot } : { id: crypto.randomUUID(), until: clock.now() + lease };
  const isUnderway = ({ by }: Kept): boolean =>
    by !== undefined && (by.until === undefined ? by.id === boot : clock.now() < by.until);

  const timePath = (at: number, name: string): string =>
    `${BY_TIME}${String(at).padStart(16, "0")}/${name}`;

  /** What is to go with what comes: answers older than a day. */
  const old = async (now: number): Promise<readonly string[]> => {
    const query = { prefix: BY_TIME, before: timePath(now - KEPT, ""), limit: DROPPED };
    const rows = await files.list(query);
    return rows.flatMap(({ path }) => [path, PREFIX + path.slice(BY_TIME.length + 17)]);
  };

  return {
    async once({ principal, key, request, secret }, work) {
      // oxlint-disable-next-line no-control-regex
      if (!/^[\x21-\x7e]{1,200}$/.test(key)) {
        throw new OpenAgentsError(
          "INVALID",
          'Cannot read "Idempotency-Key": it must be 1 to 200 printable characters',
        );
      }
      const name = sha256Hex(`${principal}\n${key}`);
      const path = PREFIX + name;
      const digest = sha256Hex(request);
      const now = clock.now();
      const text = await files.read(path);
      const known = text === undefined ? undefined : (JSON.parse(text) as Kept);
      if (known !== undefined && known.at + KEPT > now) {
        if (known.request !== digest) {
          throw new HttpError(
            422,
            "INVALID",
            'Cannot use this "Idempotency-Key": it was used for another request: take a new one',
          );
        }
        if (known.answer !== undefined) return again(known.answer);
        if (isUnderway(known)) throw underway();
      }
      const begun: Kept = { request: digest, at: now };
      const by = owner();
      let mine = JSON.stringify({ ...begun, by });
      const claimed = await files.write({
        expect: [{ path, value: text }],
        remove: await old(now),
        put: [
          { path, value: mine },
          { path: timePath(now, name), value: "" },
        ],
      });
      if (!claimed) throw underway();
      const renew = async (): Promise<void> => {
        const next = JSON.stringify({ ...begun, by: { ...by, until: clock.now() + lease! } });
        const expect = [{ path, value: mine }];
        // Also where that could not be written: the next time may be the one.
        if (await files.write({ expect, put: [{ path, value: next }] })) mine = next;
      };
      let renewing: Promise<unknown> = Promise.resolve();
      const timer =
        lease === undefined
          ? undefined
          : setInterval(() => {
              renewing = renewing.then(renew).catch(() => undefined);
            }, lease / RENEWALS);
      const drop = (): Promise<boolean> =>
        files.write({ expect: [{ path, value: mine }], remove: [path, timePath(now, name)] });
      let response: Response;
      try {
        response = await work();
      } catch (error) {
        clearInterval(timer);
        await renewing;
        await drop();
        throw error;
      }
      clearInterval(timer);
      await renewing;
      if (!response.ok) {
        await drop();
        return response;
      }
      const headers = Object.fromEntries(
        HEADERS.flatMap((header) => {
          const value = response.headers.get(header);
          return value === null ? [] : [[header, value]];
        }),
      );
      const body = secret ? {} : { body: await response.clone().text() };
      const done: Kept = { ...begun, answer: { status: response.status, headers, ...body } };
      // Not over what somebody else began meanwhile, who took this for lost.
      await files.write({
        expect: [{ path, value: mine }],
        put: [{ path, value: JSON.stringify(done) }],
      });
      return response;
    },
  };
}

function again({ status, headers, body }: NonNullable<Kept["answer"]>): Response {
  if (body === undefined) {
    throw new HttpError(
      409,
      "EXISTS",
      "Cannot answer again: it was done under this key before, and the answer had a secret, which is kept nowhere",
    );
  }
  return new Response(body === "" ? null : body, {
    status,
    headers: { ...headers, "idempotency-replayed": "true" },
  });
}

function underway(): HttpError {
  return new HttpError(
    409,
    "BUSY",
    "Cannot answer yet: a request under this key is being done, or was cut off: ask again",
    { "retry-after": "1" },
  );
}
