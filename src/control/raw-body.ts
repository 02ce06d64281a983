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

/**
 * The bytes of a request's body, as they came. What is too large by its own word is not read.
 * @throws LIMIT (413) beyond `bytes`; TIMEOUT (408) when it takes too long; INVALID when it is cut off
 */
export async function readRaw(
  request: Pick<Request, "headers" | "body">,
  options: RawBodyOptions,
): Promise<Uint8Array> {
  const { clock, bytes, setBy, time } = options;
  const tooLarge = (): OpenAgentsError =>
    new OpenAgentsError("LIMIT", `Cannot read body: it is larger than ${bytes} bytes (${setBy})`);
  if (Number(request.headers.get("content-length") ?? 0) > bytes) throw tooLarge();
  if (request.body === null) return new Uint8Array(0);
  const reader = request.body.getReader();
  const late = Promise.withResolvers<never>();
  late.promise.catch(() => undefined);
  const stop = clock.after(time, () =>
    late.reject(
      new HttpError(408, "TIMEOUT", `Cannot read body: it was not here after ${time / 1000}s`),
    ),
  );
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([readOne(reader), late.promise]);
      if (done) break;
      size += value.byteLength;
      if (size > bytes) throw tooLarge();
      parts.push(value);
    }
  } catch (error) {
    void reader.cancel().catch(() => {});
    throw error;
  } finally {
    stop();
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

async function readOne(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): ReturnType<typeof reader.read> {
  try {
    return await reader.read();
  } catch {
    throw new OpenAgentsError("INVALID", "Cannot read body: it ends in the middle");
  }
}
