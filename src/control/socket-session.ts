import { ownMail } from "./mail.ts";
import { OpenAgentsError, errorInfo } from "../core/errors.ts";
import type { Runtime } from "../core/runtime.ts";
import { openFeed } from "./agent-feed.ts";
import type { FeedReader } from "./feed-reader.ts";
import { clientFrame, CLOSE, eventFrame, parseFrame, PING, PONG } from "./socket-frames.ts";
import type { ClientFrame, ServerFrame } from "./socket-frames.ts";
import type { Principal } from "./access.ts";
import { standing } from "./standing.ts";
import type { Guard } from "./standing.ts";
import { streamPosition } from "./stream-position.ts";
import type { EventName } from "./tick-events.ts";

/** What a session does with its socket, which is a string in and out, and a close with a code. */
export interface SocketPeer {
  send(text: string): void;
  close(code: number, reason: string): void;
  /**
   * Bytes that were sent and are still here. Absent where that cannot be known: then the client is asked
   * now and then whether it has read what it got.
   */
  buffered?(): number;
  /** Keeps what the session goes on from when it is opened again for the same socket. */
  save?(state: SocketState): void;
}

type SocketScope = "read" | "operate";

/** What outlives a session of which the socket goes on. */
export interface SocketState {
  /** The agent's id. */
  readonly agent: string;
  /** Whose it is, who may subscribe with the scope `read`, and send with `operate`. Absent: anybody's, who may both. */
  readonly principal?: Principal | undefined;
  readonly subscription?:
    | { readonly after: string; readonly events?: readonly EventName[] | undefined }
    | undefined;
}

/** What one client may do. */
export interface SocketLimits {
  /** Characters of a frame. */
  readonly frameLength: number;
  /** Frames a second, over a while; twice as many may come at once. */
  readonly frameRate: number;
  /** Sends of which the client does not know yet what became of them. */
  readonly pending: number;
  /** Bytes on their way to the client above which no more events are read for it. */
  readonly buffered: number;
  /** Bytes on their way above which it is closed: of answers, which nobody can hold back. */
  readonly most: number;
  /** How long it may stay above `buffered`, ms. */
  readonly stall: number;
}

export const SOCKET_LIMITS: SocketLimits = {
  frameLength: 1_114_112,
  frameRate: 500,
  pending: 64,
  buffered: 262_144,
  most: 8_388_608,
  stall: 10_000,
};

export interface SessionOptions {
  readonly runtime: Runtime;
  readonly peer: SocketPeer;
  readonly limits?: Partial<SocketLimits>;
  /** Looks after the rights of whose it is. Default: they stay as they were. */
  readonly guard?: Guard | undefined;
  /** How long nothing need happen until it is looked whether the agent is there, ms. Default: for ever. */
  readonly patience?: number;
}

/** The scope that a frame needs. */
const SCOPE_OF: Readonly<Record<ClientFrame["type"], SocketScope | undefined>> = {
  send: "operate",
  subscribe: "read",
  ping: undefined,
  pong: undefined,
};

/** How long a send waits that is to have its answer, ms. */
const WAIT = 30_000;

/**
 * One client of an agent's WebSocket, as a machine over strings: it gets frames by `receive`, and answers
 * or closes with a code of `CLOSE`; it never throws. Events come from the record, only as fast as the
 * client takes them.
 */
export class SocketSession {
  readonly #runtime: Runtime;
  readonly #peer: SocketPeer;
  readonly #limits: SocketLimits;
  readonly #patience: number;
  readonly #guard: Guard;
  readonly #ended = new AbortController();
  #state: SocketState;
  #reader: FeedReader | undefined;
  /** Counts subscriptions: the newest one alone goes on. */
  #turn = 0;
  #pending = 0;
  /** Frames that may come now, and since when that holds. */
  #allowance: number;
  #since: number = Date.now();
  /** Bytes sent since the client was last heard. */
  #unheard = 0;
  #free: (() => void) | undefined;

  constructor(state: SocketState, { runtime, peer, limits, guard, patience }: SessionOptions) {
    this.#state = state;
    this.#runtime = runtime;
    this.#peer = peer;
    this.#limits = { ...SOCKET_LIMITS, ...limits };
    this.#guard = guard ?? {};
    this.#patience = patience ?? Number.POSITIVE_INFINITY;
    this.#allowance = 2 * this.#limits.frameRate;
  }

  get closed(): boolean {
    return this.#ended.signal.aborted;
  }

  /** Greets a client that is new, when its agent has had so many ticks. */
  open(ticks: number): void {
    this.#peer.save?.(this.#state);
    this.#say({ type: "hello", agent: this.#state.agent, cursor: String(ticks) });
  }

  /** Goes on where an earlier session of the same socket was. */
  resume(): void {
    const { subscription } = this.#state;
    if (subscription !== undefined) void this.#subscribe(subscription, true);
  }

  /** Takes a frame in: its text, or anything else for one that is not text. */
  receive(data: unknown): void {
    if (this.closed) return;
    this.#unheard = 0;
    this.drained();
    if (typeof data !== "string") return this.#close(CLOSE.binary, "Frames must be text");
    if (data.length > this.#limits.frameLength) {
      const most = this.#limits.frameLength;
      return this.#close(CLOSE.large, `A frame may have at most ${most} characters`);
    }
    if (!this.#mayCome()) {
      return this.#close(CLOSE.flood, `At most ${this.#limits.frameRate} frames a second may come`);
    }
    let about: string | undefined;
    try {
      const frame = parseFrame(data);
      if (typeof frame["id"] === "string") about = frame["id"];
      this.#act(clientFrame(frame), about);
    } catch (error) {
      this.#fail(error, about);
    }
  }

  /** What was sent has left. */
  drained(): void {
    if (!this.#full()) this.#free?.();
  }

  /** Looks whether the client still may be here, for sockets on which nothing happens. */
  async check(): Promise<void> {
    try {
      await this.#stands();
    } catch {
      // Whoever could not be asked about now is asked about before anything is done.
    }
  }

  /** The server stops. */
  stop(): void {
    this.#close(CLOSE.stopping, "The server stops: connect again");
  }

  /** The socket is closed: nothing of it is left. */
  end(): void {
    this.#ended.abort();
    this.#turn += 1;
    this.#reader?.close();
    this.#free?.();
  }

  #act(frame: ClientFrame, about: string | undefined): void {
    const scope = SCOPE_OF[frame.type];
    if (scope !== undefined && !this.#hasScope(scope)) {
      const problem = `Cannot ${frame.type}: the token is not for that, it has no scope "${scope}"`;
      throw new OpenAgentsError("DENIED", problem);
    }
    if (frame.type === "send") void this.#sendMail(frame, about);
    else if (frame.type === "ping") this.#write(PONG);
    else if (frame.type === "subscribe") {
      const { after, events } = frame;
      void this.#subscribe({ after, events }, false);
    }
  }

  async #sendMail(
    { mail, wait }: Extract<ClientFrame, { type: "send" }>,
    about: string | undefined,
  ): Promise<void> {
    if (this.#pending >= this.#limits.pending) {
      const detail = `Cannot send: ${this.#pending} sends wait for their answers already: wait for some`;
      return this.#fail(new OpenAgentsError("BUSY", detail), about);
    }
    this.#pending += 1;
    const { agent } = this.#state;
    try {
      this.#takeFromRate();
      const stands = this.#stands();
      if (stands !== true && !(await stands)) return;
      const { principal } = this.#state;
      const own = principal === undefined ? mail : ownMail(principal, mail);
      // By the id that its client knows it by.
      const known = mail.id !== undefined && { id: mail.id };
      if (wait) {
        const options = { timeout: WAIT, signal: this.#ended.signal };
        const answer = await this.#runtime.ask(agent, own, options);
        this.#say({ type: "answer", ...answer, ...known });
      } else {
        const sent = await this.#runtime.send(agent, own);
        this.#say({ type: "sent", ...sent, ...known });
      }
    } catch (error) {
      this.#fail(error, about);
    } finally {
      this.#pending -= 1;
    }
  }

  async #subscribe(
    wanted: {
      readonly after?: string | undefined;
      readonly events?: readonly EventName[] | undefined;
    },
    resumed: boolean,
  ): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    this.#reader?.close();
    this.#free?.();
    const { agent } = this.#state;
    const { after, events } = wanted;
    let reader: FeedReader;
    try {
      reader = await openFeed(this.#runtime, agent, {
        from: after === undefined ? undefined : streamPosition(after),
        events: events && new Set(events),
      });
    } catch (error) {
      if (turn === this.#turn) this.#close(CLOSE.gone, errorInfo(error).message);
      return;
    }
    if (turn !== this.#turn) return reader.close();
    this.#reader = reader;
    this.#keep(reader.cursor, events);
    if (!resumed) this.#say({ type: "subscribed", cursor: reader.cursor });
    await this.#pump(reader, events);
  }

  /** Gives the client what its reader has, for as long as there is room. */
  async #pump(reader: FeedReader, events: readonly EventName[] | undefined): Promise<void> {
    try {
      while (!reader.closed) {
        const batches = await reader.next(this.#patience);
        const stands = this.#stands();
        if (stands !== true && !(await stands)) return;
        for (const event of (batches ?? []).flat()) {
          if (this.#full() && !(await this.#room())) return;
          if (reader.closed) return;
          this.#write(eventFrame(event));
          this.#keep(event.id, events);
        }
        if (batches !== undefined && !reader.closed) this.#keep(reader.cursor, events);
      }
    } catch (error) {
      if (!reader.closed) this.#close(CLOSE.gone, errorInfo(error).message);
    }
  }

  #hasScope(needed: SocketScope): boolean {
    const scope = this.#state.principal?.scope;
    return scope === undefined || scope === "operate" || scope === "admin" || scope === needed;
  }

  /** @throws RATE_LIMITED, saying when there is room again */
  #takeFromRate(): void {
    const { id, rate } = this.#state.principal ?? {};
    if (id === undefined || rate === undefined || this.#guard.rates === undefined) return;
    const { ok, reset } = this.#guard.rates.take(id, rate);
    if (ok) return;
    const problem = `Cannot send: "${id}" may make ${rate} requests a minute: try again in ${reset} s`;
    throw new OpenAgentsError("RATE_LIMITED", problem);
  }

  /** True while the client may be here; else it is sent away. */
  #stands(): boolean | Promise<boolean> {
    const { principal, agent } = this.#state;
    if (principal === undefined) return true;
    const decide = (stands: boolean): boolean => {
      if (!stands) {
        this.#close(CLOSE.denied, `"${principal.id}" may not use this any more: look at its token`);
      }
      return stands;
    };
    const stands = standing(principal, agent, { runtime: this.#runtime, ...this.#guard });
    return typeof stands === "boolean" ? decide(stands) : stands.then(decide);
  }

  #keep(after: string, events: readonly EventName[] | undefined): void {
    this.#state = { ...this.#state, subscription: { after, ...(events && { events }) } };
    this.#peer.save?.(this.#state);
  }

  #full(): boolean {
    return (this.#peer.buffered?.() ?? this.#unheard) > this.#limits.buffered;
  }

  /** True once there is room again; false when the socket is closed, which it is if that takes long. */
  async #room(): Promise<boolean> {
    if (this.#peer.buffered === undefined) this.#peer.send(PING);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(
        () => this.#close(CLOSE.slow, "What was sent was not read in time"),
        this.#limits.stall,
      );
      this.#free = () => {
        clearTimeout(timer);
        this.#free = undefined;
        resolve();
      };
    });
    return !this.closed;
  }

  #mayCome(): boolean {
    const { frameRate } = this.#limits;
    const now = Date.now();
    const more = ((now - this.#since) / 1000) * frameRate;
    this.#allowance = Math.min(2 * frameRate, this.#allowance + Math.max(0, more)) - 1;
    this.#since = now;
    return this.#allowance >= 0;
  }

  #fail(error: unknown, about: string | undefined): void {
    const { code, message } = errorInfo(error);
    this.#say({ type: "error", code, detail: message, for: about });
  }

  #say(frame: ServerFrame): void {
    this.#write(JSON.stringify(frame));
  }

  #write(text: string): void {
    if (this.closed) return;
    this.#unheard += text.length;
    this.#peer.send(text);
    if ((this.#peer.buffered?.() ?? this.#unheard) > this.#limits.most) {
      this.#close(CLOSE.slow, "What was sent was not read in time");
    }
  }

  #close(code: number, reason: string): void {
    if (this.closed) return;
    this.end();
    this.#peer.close(code, shortened(reason));
  }
}

/** A close frame has room for 123 bytes of reason. */
function shortened(reason: string): string {
  const bytes = new TextEncoder().encode(reason);
  if (bytes.length <= 123) return reason;
  return new TextDecoder().decode(bytes.subarray(0, 120)).replace(/\uFFFD+$/, "");
}
