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
/** After this long, work that has no answer is taken for lost in a crash, ms. */
const LOST = 600_000;
/** Old answers that are dropped with each new one. */
const DROPPED = 10;
/** The headers of an answer that are kept. */
const HEADERS = ["content-type", "location", "etag"] as const;

/** `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header) over a home's files. */
export function idempotency({
  files,
  clock,
}: {
  readonly files: HomeFiles;
  readonly clock: Pick<Clock, "now">;
}): Idempotency {
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
        if (known.at + LOST > now) throw underway();
      }
      const begun: Kept = { request: digest, at: now };
      const mine = JSON.stringify(begun);
      const claimed = await files.write({
        expect: [{ path, value: text }],
        remove: await old(now),
        put: [
          { path, value: mine },
          { path: timePath(now, name), value: "" },
        ],
      });
      if (!claimed) throw underway();
      const drop = (): Promise<boolean> =>
        files.write({ expect: [{ path, value: mine }], remove: [path, timePath(now, name)] });
      let response: Response;
      try {
        response = await work();
      } catch (error) {
        await drop();
        throw error;
      }
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
      await files.write({ put: [{ path, value: JSON.stringify(done) }] });
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
