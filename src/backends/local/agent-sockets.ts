import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import type { WebSocket as Socket } from "ws";
import type { AcceptSocket } from "../../control/socket-request.ts";
import { SUBPROTOCOL } from "../../control/socket-frames.ts";
import { SOCKET_LIMITS, SocketSession } from "../../control/socket-session.ts";
import type { SocketLimits, SocketPeer } from "../../control/socket-session.ts";
import type { Guard } from "../../control/standing.ts";
import type { Runtime } from "../../core/runtime.ts";

export interface AgentSocketsOptions {
  readonly runtime: Runtime;
  /** Answers a request as the API does, by whose `accept` it becomes a WebSocket. */
  readonly fetch: (request: Request, accept: AcceptSocket) => Response | Promise<Response>;
  readonly limits?: Partial<SocketLimits>;
  /** Looks after the rights of the clients. Default: they stay as they were. */
  readonly guard?: Guard | undefined;
  /** Between two pings, ms; a client that answers none until the next one is gone. Default 30,000. */
  readonly heartbeat?: number;
}

/** The WebSockets of a server's clients. */
export interface AgentSockets {
  /** Takes over a connection that asks to be one, for the server's `upgrade`. */
  upgrade(request: IncomingMessage, connection: Duplex, head: Buffer): void;
  /** How many there are. */
  count(): number;
  /** Tells all clients to come again, and lets go of those that do not answer soon. */
  stop(): void;
}

/** How long a client may take to answer a close, ms. */
const FAREWELL = 1_000;
/** How long nothing may happen until it is looked whether the agent is there, ms. */
const PATIENCE = 60_000;

interface Client {
  readonly session: SocketSession;
  heard: boolean;
}

/** WebSockets on the HTTP server of this machine. */
export function agentSockets(options: AgentSocketsOptions): AgentSockets {
  const { runtime, fetch, guard, heartbeat = 30_000 } = options;
  const limits = { ...SOCKET_LIMITS, ...options.limits };
  const clients = new Map<Socket, Client>();
  const server = new WebSocketServer({
    noServer: true,
    // What is longer is refused by its session, in words; what is much longer is not read at all.
    maxPayload: 4 * limits.frameLength,
    perMessageDeflate: false,
    handleProtocols: (offered) => offered.has(SUBPROTOCOL) && SUBPROTOCOL,
  });
  const beat = setInterval(() => {
    for (const [socket, client] of clients) {
      if (!client.heard) socket.terminate();
      client.heard = false;
      socket.ping();
      void client.session.check();
    }
  }, heartbeat);
  beat.unref();

  const open = (
    socket: Socket,
    connection: Duplex,
    { agent, ticks, principal }: Parameters<AcceptSocket>[0],
  ): void => {
    const peer = peerOf(socket, connection, () => session.drained());
    const session = new SocketSession(
      { agent, principal },
      { runtime, peer, limits, guard, patience: PATIENCE },
    );
    const client: Client = { session, heard: true };
    clients.set(socket, client);
    socket.on("message", (data: Buffer, binary) => {
      client.heard = true;
      session.receive(binary ? data : data.toString("utf8"));
    });
    socket.on("pong", () => {
      client.heard = true;
    });
    socket.on("error", () => socket.terminate());
    socket.on("close", () => {
      clients.delete(socket);
      session.end();
    });
    session.open(ticks);
  };

  const upgrade = async (
    request: IncomingMessage,
    connection: Duplex,
    head: Buffer,
  ): Promise<void> => {
    let accepted: Parameters<AcceptSocket>[0] | undefined;
    const response = await fetch(requestOf(request), (socket) => {
      accepted = socket;
      return new Response(null, { status: 204 });
    });
    if (connection.destroyed) return;
    if (accepted === undefined) return refuse(connection, response);
    const about = accepted;
    server.handleUpgrade(request, connection, head, (socket) => open(socket, connection, about));
  };

  return {
    upgrade(request, connection, head) {
      connection.on("error", () => connection.destroy());
      upgrade(request, connection, head).catch(() => connection.destroy());
    },
    count: () => clients.size,
    stop() {
      clearInterval(beat);
      for (const { session } of clients.values()) session.stop();
      for (const socket of clients.keys()) setTimeout(() => socket.terminate(), FAREWELL).unref();
    },
  };
}

function peerOf(socket: Socket, connection: Duplex, drained: () => void): SocketPeer {
  let corked = false;
  return {
    send(text) {
      if (socket.readyState !== socket.OPEN) return;
      // What is sent in one go is written in one go.
      if (!corked) {
        corked = true;
        connection.cork();
        process.nextTick(() => {
          corked = false;
          connection.uncork();
        });
      }
      socket.send(bytesOf(text), { binary: false }, drained);
    },
    close(code, reason) {
      socket.close(code, reason);
      // Whoever does not read does not read this either.
      setTimeout(() => socket.terminate(), FAREWELL).unref();
    },
    buffered: () => socket.bufferedAmount,
  };
}

let latest = { text: "", bytes: Buffer.alloc(0) };

/** The bytes of a frame, which is often the same for many clients in a row. */
function bytesOf(text: string): Buffer {
  if (latest.text !== text) latest = { text, bytes: Buffer.from(text) };
  return latest.bytes;
}

function requestOf(request: IncomingMessage): Request {
  const headers = new Headers();
  for (const [name, value = ""] of Object.entries(request.headers)) {
    for (const each of [value].flat()) headers.append(name, each);
  }
  const host = URL.canParse(`http://${request.headers.host}`) ? request.headers.host : "localhost";
  return new Request(new URL(request.url ?? "/", `http://${host}`), {
    method: request.method ?? "GET",
    headers,
  });
}

async function refuse(connection: Duplex, response: Response): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer());
  const headers = new Headers(response.headers);
  headers.set("content-length", String(body.length));
  headers.set("connection", "close");
  const head = [...headers].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  connection.write(`HTTP/1.1 ${response.status} Refused\r\n${head}\r\n`);
  connection.end(body);
}
