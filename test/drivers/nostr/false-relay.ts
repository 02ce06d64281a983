import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";

/** A relay that does what a test tells it to. */
export interface FalseRelay extends AsyncDisposable {
  readonly url: string;
  /** All messages that it was sent, in order. */
  readonly heard: readonly (readonly unknown[])[];
  /** Those of one kind. */
  of(type: string): readonly (readonly unknown[])[];
  readonly sockets: ReadonlySet<WebSocket>;
}

export type Say = (...message: readonly unknown[]) => void;

/** What it does with a message; what it does not know it answers as a relay that has nothing stored. */
export interface Script {
  opened?(say: Say, socket: WebSocket): void;
  /** True for a message that needs no answer of a relay that has nothing. */
  heard?(message: readonly unknown[], say: Say, socket: WebSocket): boolean | undefined;
}

export async function falseRelay(script: Script = {}): Promise<FalseRelay> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const heard: (readonly unknown[])[] = [];
  server.on("connection", (socket) => {
    const say: Say = (...message) => socket.send(JSON.stringify(message));
    socket.on("error", () => socket.terminate());
    script.opened?.(say, socket);
    socket.on("message", (data: Buffer) => {
      const message = JSON.parse(data.toString()) as [string, { readonly id: string }];
      heard.push(message);
      if (script.heard?.(message, say, socket) === true) return;
      const [type, first] = message;
      if (type === "REQ") say("EOSE", first);
      if (type === "EVENT" || type === "AUTH") say("OK", first.id, true, "");
    });
  });
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard,
    of: (type) => heard.filter(([first]) => first === type),
    sockets: server.clients,
    async [Symbol.asyncDispose]() {
      for (const socket of server.clients) socket.terminate();
      server.close();
      await once(server, "close");
    },
  };
}

/** Events of kinds that wake agents which a subscription for what comes is open for. */
export function isLive(message: readonly unknown[]): boolean {
  const [type, , filter] = message as [string, string, { readonly limit?: number; "#p"?: unknown }];
  return type === "REQ" && filter["#p"] !== undefined && filter.limit === 1;
}

/** What is below a WebSocket, to send what is none of its frames. */
export function rawOf(socket: WebSocket): Socket {
  return (socket as unknown as { readonly _socket: Socket })._socket;
}
