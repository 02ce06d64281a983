import { OpenAgentsError } from "../core/errors.ts";
import type { Clock } from "../core/ports/index.ts";
import { HttpError } from "./problem.ts";

export interface RawBodyOptions {
  readonly clock: Pick<Clock, "after">;
  /** The most bytes. */
  readonly bytes: number;
  /** What sets that, for the error. */
  readonly setBy: string;
  /** The longest that the whole body may take, ms. */
  readonly time: number;
}

/** The part of a request that a body is read from. */
export type RawBodySource = Pick<Request, "headers" | "body" | "arrayBuffer">;

/**
 * The bytes of a request's body, as they came. What is too large by its own word is not read.
 * @throws LIMIT (413) beyond `bytes`; TIMEOUT (408) when it takes too long; INVALID when it is cut off
 */
export async function readRaw(
  request: RawBodySource,
  { clock, bytes, setBy, time }: RawBodyOptions,
): Promise<Uint8Array> {
  const tooLarge = (): OpenAgentsError =>
    new OpenAgentsError("LIMIT", `Cannot read body: it is larger than ${bytes} bytes (${setBy})`);
  const length = request.headers.get("content-length");
  if (Number(length ?? 0) > bytes) throw tooLarge();
  const late = Promise.withResolvers<never>();
  late.promise.catch(() => undefined);
  const stop = clock.after(time, () => {
    const problem = `Cannot read body: it was not here after ${time / 1000}s`;
    late.reject(new HttpError(408, "TIMEOUT", problem, { connection: "close" }));
  });
  try {
    // To read it as one costs least, where it is known that it fits.
    return length === null
      ? await readChunks(request, { bytes, tooLarge, late: late.promise })
      : new Uint8Array(await Promise.race([request.arrayBuffer().catch(cutOff), late.promise]));
  } finally {
    stop();
  }
}

/** Sent in chunks of unknown number: they are counted. */
async function readChunks(
  { body }: RawBodySource,
  limit: {
    readonly bytes: number;
    readonly tooLarge: () => OpenAgentsError;
    readonly late: Promise<never>;
  },
): Promise<Uint8Array> {
  if (body === null) return new Uint8Array(0);
  const reader = body.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read().catch(cutOff), limit.late]);
      if (done) break;
      size += value.byteLength;
      if (size > limit.bytes) throw limit.tooLarge();
      parts.push(value);
    }
  } catch (error) {
    void reader.cancel().catch(() => {});
    throw error;
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

/** Its sender is gone: no fault of the server. */
function cutOff(): never {
  throw new OpenAgentsError("INVALID", "Cannot read body: it ends in the middle");
}
