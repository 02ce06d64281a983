import type { AcceptSocket } from "../../control/socket-request.ts";
import { CLOSE, PING, PONG } from "../../control/socket-frames.ts";
import { SocketSession } from "../../control/socket-session.ts";
import type { SocketState } from "../../control/socket-session.ts";
import type { Guard } from "../../control/standing.ts";
import type { Runtime } from "../../core/runtime.ts";
import type { HibernatingSocket, ObjectContext } from "./platform.ts";

/** What the platform has for WebSockets, by its own names. */
const platform = globalThis as unknown as {
  readonly WebSocketPair: new () => { readonly 0: unknown; readonly 1: HibernatingSocket };
  readonly WebSocketRequestResponsePair: new (request: string, response: string) => unknown;
};

/**
 * The WebSockets of an agent's object. The object may end while they are open: each carries, as its
 * attachment, what its session goes on from in the next one. They keep no timers, which would keep the
 * object in memory: pings are answered by the platform, and clients tell by them that it is there.
 */
export class ObjectSockets {
  readonly #context: ObjectContext;
  readonly #runtime: Runtime;
  readonly #guard: Guard;
  readonly #sessions = new Map<HibernatingSocket, SocketSession>();

  /** Takes up the sockets that are open, of which a guard looks after the rights. */
  constructor(context: ObjectContext, runtime: Runtime, guard: Guard) {
    this.#context = context;
    this.#runtime = runtime;
    this.#guard = guard;
    for (const socket of context.getWebSockets()) {
      const state = socket.deserializeAttachment() as SocketState | null;
      if (state !== null) this.#session(socket, state).resume();
    }
  }

  /** Makes a WebSocket of a request; the answer to it. */
  readonly accept: AcceptSocket = ({ agent, ticks, protocol, principal }) => {
    const { 0: client, 1: socket } = new platform.WebSocketPair();
    this.#context.acceptWebSocket(socket);
    this.#context.setWebSocketAutoResponse(new platform.WebSocketRequestResponsePair(PING, PONG));
    this.#session(socket, { agent, principal }).open(ticks);
    const init = {
      status: 101,
      webSocket: client,
      headers: protocol === undefined ? {} : { "sec-websocket-protocol": protocol },
    };
    return new Response(null, init);
  };

  receive(socket: HibernatingSocket, data: unknown): void {
    this.#sessions.get(socket)?.receive(data);
  }

  end(socket: HibernatingSocket): void {
    this.#sessions.get(socket)?.end();
    this.#sessions.delete(socket);
  }

  #session(socket: HibernatingSocket, state: SocketState): SocketSession {
    const session = new SocketSession(state, {
      runtime: this.#runtime,
      guard: this.#guard,
      peer: {
        send: (text) => socketDo(() => socket.send(text)),
        close: (code, reason) => closeSocket(socket, code, reason),
        save: (kept) => socket.serializeAttachment(kept),
      },
    });
    this.#sessions.set(socket, session);
    return session;
  }
}

/** Closes a socket of an agent that is no more. */
export function closeGone(socket: HibernatingSocket): void {
  closeSocket(socket, CLOSE.gone, "The agent was erased");
}

/** Answers the close of a client, who may be gone already. */
export function closeSocket(socket: HibernatingSocket, code: number, reason: string): void {
  socketDo(() => socket.close(code, reason));
}

/** The platform throws where a socket is closed, of which the session is told as well. */
function socketDo(what: () => void): void {
  try {
    what();
  } catch {
    // It is closed.
  }
}
