import type * as Library from "@modelcontextprotocol/client";
import type {
  JSONRPCMessage,
  StreamableHTTPClientTransportOptions,
  StreamableHTTPClientTransport,
  Transport,
} from "@modelcontextprotocol/client";

/** By which the end of a stream is told from an error that a server answers with. */
const ENDED = "openagents/stream-ended";

type Sending = NonNullable<Parameters<StreamableHTTPClientTransport["send"]>[1]>;

/** True for the error of a request whose answer did not come to its end. */
export function isCutOff(error: unknown): boolean {
  return (error as { readonly data?: unknown }).data === ENDED;
}

/**
 * The way to a server over HTTP. A request whose stream ends before its answer fails at once, where the library
 * would wait for as long as it may take.
 */
export function httpTransport(
  { StreamableHTTPClientTransport: Base }: typeof Library,
  url: string,
  options: StreamableHTTPClientTransportOptions,
): Transport {
  class HttpTransport extends Base {
    readonly #open = new Set<string | number>();

    constructor() {
      super(new URL(url), options);
      let told = this.onmessage;
      Object.defineProperty(this, "onmessage", {
        get: () => {
          const tell = told;
          return (
            tell &&
            ((message: JSONRPCMessage) => {
              if ("id" in message && !("method" in message)) this.#open.delete(message.id!);
              tell(message);
            })
          );
        },
        set: (next: typeof told) => {
          told = next;
        },
      });
    }

    override async send(message: JSONRPCMessage, how: Sending = {}): Promise<void> {
      if (!("id" in message && "method" in message)) return super.send(message, how);
      const { id } = message;
      this.#open.add(id);
      const onRequestStreamEnd = (): void => {
        how.onRequestStreamEnd?.();
        if (!this.#open.delete(id) || how.onRequestStreamEnd !== undefined) return;
        const error = { code: -32000, message: "it ended before the answer did", data: ENDED };
        this.onmessage?.({ jsonrpc: "2.0", id, error });
      };
      try {
        await super.send(message, { ...how, onRequestStreamEnd });
      } catch (error) {
        this.#open.delete(id);
        throw error;
      }
    }
  }
  return new HttpTransport();
}
