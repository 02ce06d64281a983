import { OpenAgentsError } from "../core/errors.ts";
import type { ErrorCode } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { Answer, Sent } from "../core/runtime.ts";
import { CLOSE, PING, PONG, SUBPROTOCOL } from "./socket-protocol.ts";
import type { EventFrame, ServerFrame } from "./socket-frames.ts";
import type { EventName } from "./tick-events.ts";

export interface AgentSocketOptions {
  /** Where the API is, `http://…` or `https://…`. */
  readonly url: string;
  readonly token: string;
  /** The agent: its npub, hex key or name. */
  readonly agent: string;
  /** Told of each event. Absent: none are asked for. */
  readonly onEvent?: (event: EventFrame) => void;
  /** The id of the last event that was seen; absent for what happens from now on. */
  readonly after?: string;
  /** The events that are wanted; absent for all. */
  readonly events?: readonly EventName[];
  /** Told of each connection that was lost, and why; another one follows. */
  readonly onLost?: (reason: string) => void;
  /** The longest time between two connections, ms. Default 30,000. */
  readonly longestPause?: number;
  /** Between two pings, ms; a connection on which none was answered until the next is given up. Default 20,000. */
  readonly heartbeat?: number;
  /** Default: that of the platform. */
  readonly WebSocket?: typeof globalThis.WebSocket;
}

/** Mail from outside, for `AgentSocket.send`. */
export interface SocketMail {
  readonly payload: Json;
  /** The envelope's id. Default: a new UUID. */
  readonly id?: string;
}

/** A lasting connection to an agent, made again whenever it is lost. */
export interface AgentSocket {
  /** The id of the last event that was given: where another socket would go on from. */
  readonly cursor: string | undefined;
  /** Resolves once the mail is durable. What the connection lost is sent again, under the same id. */
  send(mail: SocketMail): Promise<Sent>;
  /** Resolves once the mail was dealt with, or its time is up. */
  ask(mail: SocketMail): Promise<Answer>;
  /** Ends it. What still waits is rejected with CANCELLED. */
  close(): void;
  /** Resolves when it is closed; rejects when to connect again would be no use. */
  readonly closed: Promise<void>;
}

interface Waiting {
  readonly text: string;
  resolve(answer: never): void;
  reject(error: OpenAgentsError): void;
}

/** The shortest time until the next connection, ms; twice as long after each that was no use. */
const PAUSE = 250;
/** Sends under way, and frames in a second, below what the server allows. */
const AT_ONCE = 32;
const A_SECOND = 400;
/** What of the server's reasons means that the next connection would end in the same way. */
const FINAL: ReadonlyMap<number, ErrorCode> = new Map([
  [CLOSE.denied, "DENIED"],
  [CLOSE.gone, "NOT_FOUND"],
  [CLOSE.binary, "NOT_FOUND"],
  [CLOSE.large, "NOT_FOUND"],
]);
/** How often the first connection is tried for. One that was there once is tried for as long as it takes. */
const TRIES = 10;

/**
 * A WebSocket to an agent that comes again by itself, in Node, Workers and browsers: events go on from
 * the last one that was given, none is missed and no durable one is given twice.
 */
export function agentSocket(options: AgentSocketOptions): AgentSocket {
  return new LastingSocket(options);
}

class LastingSocket implements AgentSocket {
  readonly closed: Promise<void>;
  readonly #options: AgentSocketOptions;
  readonly #waiting = new Map<string, Waiting>();
  /** Ids of those whose frames went over the present connection. */
  readonly #sent = new Set<string>();
  readonly #end: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #cursor: string | undefined;
  #socket: WebSocket | undefined;
  #greeted = false;
  #heard = false;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #beat: ReturnType<typeof setInterval> | undefined;
  #over = false;
  #pace = { since: 0, frames: 0 };
  #wasThere = false;

  constructor(options: AgentSocketOptions) {
    this.#options = options;
    this.#cursor = options.after;
    this.closed = this.#end.promise;
    // Whoever does not ask need not hear of it.
    this.closed.catch(() => undefined);
    this.#connect();
  }

  get cursor(): string | undefined {
    return this.#cursor;
  }

  send(mail: SocketMail): Promise<Sent> {
    return this.#post(mail, false);
  }

  ask(mail: SocketMail): Promise<Answer> {
    return this.#post(mail, true);
  }

  close(): void {
    this.#finish(undefined);
  }

  #post<T>({ payload, id = crypto.randomUUID() }: SocketMail, wait: boolean): Promise<T> {
    if (this.#over) return Promise.reject(cancelled());
    if (this.#waiting.has(id)) {
      const problem = `Cannot send "${id}": mail with this id is on its way`;
      return Promise.reject(new OpenAgentsError("INVALID", problem));
    }
    return new Promise<T>((resolve, reject) => {
      const text = JSON.stringify({ type: "send", id, payload, wait });
      this.#waiting.set(id, { text, resolve, reject });
      this.#sendOn();
    });
  }

  /** Sends what waits, as far as it may be under way at once. */
  #sendOn(): void {
    if (!this.#greeted) return;
    const now = Date.now();
    if (now - this.#pace.since >= 1000) this.#pace = { since: now, frames: 0 };
    for (const [id, { text }] of this.#waiting) {
      if (this.#sent.size >= AT_ONCE) return;
      if (this.#sent.has(id)) continue;
      if (this.#pace.frames >= A_SECOND) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#sendOn(), this.#pace.since + 1000 - now);
        return;
      }
      this.#pace.frames += 1;
      this.#sent.add(id);
      this.#socket?.send(text);
    }
  }

  #connect(): void {
    const {
      url,
      token,
      agent,
      heartbeat = 20_000,
      WebSocket = globalThis.WebSocket,
    } = this.#options;
    const address = `${url.replace(/^http/, "ws")}/agents/${encodeURIComponent(agent)}/ws`;
    let socket: WebSocket;
    try {
      socket = new WebSocket(address, [SUBPROTOCOL, `bearer.${token}`]);
    } catch (error) {
      const problem = `Cannot connect to "${url}": ${(error as Error).message}`;
      this.#finish(new OpenAgentsError("CONFIG", problem));
      return;
    }
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      if (this.#socket !== socket || typeof data !== "string") return;
      this.#heard = true;
      this.#hear(JSON.parse(data) as ServerFrame | EventFrame);
    });
    socket.addEventListener("close", ({ code, reason }) => this.#lost(socket, code, reason));
    this.#heard = true;
    this.#beat = setInterval(() => {
      // A connection that is dead may take minutes to say so.
      if (!this.#heard) {
        this.#lost(socket, 0, "Nothing was heard for too long");
        socket.close();
        return;
      }
      this.#heard = false;
      if (this.#greeted) socket.send(PING);
    }, heartbeat);
  }

  #hear(frame: ServerFrame | EventFrame): void {
    switch (frame.type) {
      case "hello":
        this.#hello(frame.cursor);
        return;
      case "event":
        if (frame.id !== undefined) this.#cursor = frame.id;
        this.#options.onEvent?.(frame);
        return;
      case "ping":
        this.#socket?.send(PONG);
        return;
      case "sent":
      case "answer": {
        const { type: _type, ...answer } = frame;
        this.#settle(frame.id, (waiting) => waiting.resolve(answer as never));
        return;
      }
      case "error": {
        const error = new OpenAgentsError(frame.code as ErrorCode, frame.detail);
        if (frame.for !== undefined) this.#settle(frame.for, (waiting) => waiting.reject(error));
        return;
      }
      default:
    }
  }

  #hello(cursor: string): void {
    this.#greeted = true;
    this.#wasThere = true;
    this.#failures = 0;
    const { onEvent, events } = this.#options;
    if (onEvent !== undefined) {
      // What happens between two connections is asked for by the next one.
      this.#cursor ??= cursor;
      this.#socket?.send(JSON.stringify({ type: "subscribe", after: this.#cursor, events }));
    }
    this.#sendOn();
  }

  #settle(id: string, how: (waiting: Waiting) => void): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    this.#sent.delete(id);
    how(waiting);
    this.#sendOn();
  }

  #lost(socket: WebSocket, code: number, reason: string): void {
    if (this.#socket !== socket || this.#over) return;
    clearInterval(this.#beat);
    this.#socket = undefined;
    const opened = this.#greeted;
    this.#greeted = false;
    this.#sent.clear();
    const why = reason || (opened ? `The connection ended (${code})` : "There is no connection");
    const final = FINAL.get(code);
    if (final !== undefined) return this.#finish(new OpenAgentsError(final, why));
    this.#failures += 1;
    if (!this.#wasThere && this.#failures >= TRIES) {
      const problem = `Cannot connect to "${this.#options.agent}" at ${this.#options.url}: is it there, is the token right, may this page connect?`;
      return this.#finish(new OpenAgentsError("UNREACHABLE", problem));
    }
    this.#options.onLost?.(why);
    const { longestPause = 30_000 } = this.#options;
    const pause = Math.min(longestPause, PAUSE * 2 ** (this.#failures - 1));
    // Not all who lost the same server come again at once.
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), pause * (0.5 + Math.random() / 2));
  }

  #finish(error: OpenAgentsError | undefined): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    clearInterval(this.#beat);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    for (const waiting of this.#waiting.values()) waiting.reject(error ?? cancelled());
    this.#waiting.clear();
    if (error === undefined) this.#end.resolve();
    else this.#end.reject(error);
  }
}

function cancelled(): OpenAgentsError {
  return new OpenAgentsError("CANCELLED", "Cannot go on: the socket was closed");
}
