import { OpenAgentsError } from "../errors.ts";

/** How long whoever is at the other end of a bundle may do nothing, ms. */
export const STALL = 60_000;

interface Patience {
  readonly after: (ms: number, run: () => void) => () => void;
}

/**
 * The same stream, which ends with TIMEOUT when nobody reads it for a while, and with the signal. `ended`
 * is called once it was read to its end, or is not read any more.
 */
export function whileRead(
  stream: ReadableStream<Uint8Array>,
  { after, signal, ended }: Patience & { readonly signal: AbortSignal; readonly ended: () => void },
): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  let stopTimer = (): void => undefined;
  let giveUp = (_reason: unknown): void => undefined;
  const onAbort = (): void => giveUp(signal.reason);
  const watch = (): void => {
    stopTimer();
    stopTimer = after(STALL, () =>
      giveUp(new OpenAgentsError("TIMEOUT", "Cannot export: nobody reads the bundle")),
    );
  };
  let over = false;
  const stop = (): void => {
    stopTimer();
    signal.removeEventListener("abort", onAbort);
    if (!over) ended();
    over = true;
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        giveUp = (reason) => {
          stop();
          controller.error(reason);
          void reader.cancel(reason).catch(() => undefined);
        };
        signal.addEventListener("abort", onAbort);
        watch();
      },
      async pull(controller) {
        watch();
        try {
          const { done, value } = await reader.read();
          if (!done) return controller.enqueue(value);
          stop();
          controller.close();
        } catch (error) {
          stop();
          controller.error(error);
        }
      },
      async cancel(reason) {
        stop();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

/**
 * The same stream, which ends with TIMEOUT when nothing comes in for a while, and with LIMIT after
 * `bytes`: an archive can go on for ever without an entry.
 */
export function whileSent(
  stream: ReadableStream<Uint8Array>,
  { after, bytes }: Patience & { readonly bytes: number },
): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  let total = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const stalled = Promise.withResolvers<never>();
        const stop = after(STALL, () =>
          stalled.reject(
            new OpenAgentsError("TIMEOUT", "Cannot read bundle: nothing more of it comes in"),
          ),
        );
        try {
          const { done, value } = await Promise.race([reader.read(), stalled.promise]);
          if (done) return controller.close();
          total += value.length;
          if (total <= bytes) return controller.enqueue(value);
          throw new OpenAgentsError("LIMIT", `Cannot read bundle: it has more than ${bytes} bytes`);
        } catch (error) {
          controller.error(error);
          void reader.cancel(error).catch(() => undefined);
        } finally {
          stop();
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
