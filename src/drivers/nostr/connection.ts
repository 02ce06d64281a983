import type { Clock } from "../../core/ports/index.ts";
import { readMessage } from "./wire.ts";
import type { FromRelay, ToRelay } from "./wire.ts";

/** What a connection tells, in the order in which it happens; nothing after `closed`. */
export interface ConnectionEvents {
  readonly opened: () => void;
  /** `size` is that of the whole message, in UTF-16 units. */
  readonly received: (message: FromRelay, size: number) => void;
  /** It sent what is no message of NIP-01, or one that is longer than it may be. */
  readonly refused: (why: "garbage" | "oversized") => void;
  /** The connection is over, and why. */
  readonly closed: (reason: string) => void;
}

/**
 * Opens a WebSocket that refuses messages of more bytes than `messageLength` before it has read them,
 * if it can: it then fails with an error event whose `error` has the code `TOO_LONG`.
 */
export type Connect = (
  url: string,
  options: {
    readonly messageLength: number;
    /** A relay that somebody else named: nothing of our own network may be reached. */
    readonly guest: boolean;
  },
) => WebSocket;

/** The code of the error for a message that is too long, as the package `ws` has it. */
export const TOO_LONG = "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH";

/** The WebSocket of the web. It has a limit of its own for messages, if any. */
export const connectWeb: Connect = (url) => new WebSocket(url);

export interface ConnectionOptions {
  readonly url: string;
  readonly guest: boolean;
  readonly connect: Connect;
  readonly clock: Clock;
  /** The longest message that is taken, in UTF-16 units. A longer one ends the connection. */
  readonly messageLength: number;
  /** How long it may take to open, and a ping to be answered, ms. */
  readonly patience: number;
  /** How long the relay may say nothing before it is pinged, ms. */
  readonly quiet: number;
}

/** The id of the subscription that asks whether the relay is there, for an event that is not. */
const PING = "ping";
/** `readyState` of a WebSocket. */
const OPEN = 1;
const NOBODY = "0".repeat(64);

/**
 * One WebSocket to a relay, from its opening to its end. The WebSocket of the web has no ping that
 * its user can send, so a relay that says nothing for long is asked for an event that there is not:
 * one that does not answer has stalled, and the connection ends.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #events: ConnectionEvents;
  readonly #socket: WebSocket;
  #cancel: () => void;
  #heard = 0;
  #over = false;

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    const { url, clock, patience, connect, messageLength, guest } = options;
    this.#options = options;
    this.#events = events;
    this.#socket = connect(url, { messageLength, guest });
    this.#cancel = clock.after(patience, () => this.close("it did not open in time"));
    this.#socket.addEventListener("open", () => this.#opened());
    this.#socket.addEventListener("message", ({ data }) => this.#received(data));
    this.#socket.addEventListener("close", ({ code, reason }) =>
      this.#end(`it was closed (${code}${reason === "" ? "" : `: ${reason.slice(0, 100)}`})`),
    );
    this.#socket.addEventListener("error", (event) => this.#failed(event));
  }

  /** Sends a message; nothing happens once the connection is over. */
  send(message: ToRelay): void {
    if (this.#over || this.#socket.readyState !== OPEN) return;
    this.#socket.send(JSON.stringify(message));
  }

  /** Ends it at once: what is still on its way in is not seen any more. Idempotent. */
  close(reason: string): void {
    this.#end(reason);
  }

  #opened(): void {
    if (this.#over) return;
    this.#watch();
    this.#events.opened();
  }

  /** Waits for the relay to say nothing for too long. */
  #watch(): void {
    const { clock, quiet, patience } = this.#options;
    this.#cancel();
    const heard = this.#heard;
    this.#cancel = clock.after(quiet, () => {
      if (this.#heard !== heard) return this.#watch();
      this.send(["REQ", PING, { ids: [NOBODY], limit: 1 }]);
      this.#cancel = clock.after(patience, () => {
        if (this.#heard === heard) this.close("it stalled");
        else this.#watch();
      });
    });
  }

  #received(data: unknown): void {
    if (this.#over) return;
    this.#heard += 1;
    if (typeof data !== "string") return this.#events.refused("garbage");
    if (data.length > this.#options.messageLength) {
      this.#events.refused("oversized");
      return this.close("it sent a message that is too long");
    }
    const message = readMessage(data);
    if (message === undefined) return this.#events.refused("garbage");
    if ("id" in message && message.id === PING) {
      if (message.type === "EOSE") this.send(["CLOSE", PING]);
      return;
    }
    this.#events.received(message, data.length);
  }

  #failed(event: Event): void {
    if (this.#over) return;
    const { error } = event as { readonly error?: unknown };
    const code = (error as { readonly code?: unknown } | undefined)?.code;
    if (code !== TOO_LONG) return this.#end("it failed");
    this.#events.refused("oversized");
    this.#end("it sent a message that is too long");
  }

  #end(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancel();
    const socket: WebSocket & { readonly terminate?: () => void } = this.#socket;
    try {
      // Some can end without the relay's doing, which a stalled one does not do.
      if (socket.terminate === undefined) socket.close();
      else socket.terminate();
    } catch {
      // It never opened: there is nothing to close.
    }
    this.#events.closed(reason);
  }
}
