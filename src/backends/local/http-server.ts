import type { IncomingMessage, Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { createAdaptorServer } from "@hono/node-server";
import { OpenAgentsError } from "../../core/errors.ts";

/** A listening server. */
export interface HttpServer {
  readonly url: string;
  /** From now on connections that ask to be something else than HTTP go there. */
  onUpgrade(take: (request: IncomingMessage, connection: Duplex, head: Buffer) => void): void;
  /** Takes no more connections, and lets go of those that do nothing. */
  drain(): void;
  /** Closes once the requests under way are answered, at the latest after `grace` ms. */
  close(grace: number): Promise<void>;
}

export interface Listen {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
}

/** Longer than the pools of common clients keep a connection, so that they close it and not we. */
const KEEP_ALIVE = 65_000;

/** @throws BUSY for a port in use; DENIED or CONFIG for an address that cannot be had */
export async function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  at: Listen,
): Promise<HttpServer> {
  const server = createAdaptorServer({
    fetch,
    serverOptions: {
      // Others that ask for what is not here, such as HTTP/2, are answered as if they had not.
      shouldUpgradeCallback: ({ headers }: IncomingMessage) =>
        headers.upgrade?.toLowerCase() === "websocket",
    },
  }) as Server;
  server.keepAliveTimeout = KEEP_ALIVE;
  // A bundle may take longer to come in than Node gives any request; its reader minds a sender that stops.
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(cannotListen(at, error)));
    server.listen(at.port, at.host, resolve);
  });
  const { address, family, port } = server.address() as AddressInfo;
  const host = family === "IPv6" ? `[${address}]` : address;
  return {
    url: `http://${host}:${port}`,
    onUpgrade(take) {
      server.on("upgrade", take);
    },
    drain() {
      server.close();
      server.closeIdleConnections();
    },
    async close(grace) {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      // A connection whose last answer is out is idle from then on.
      const sweep = setInterval(() => server.closeIdleConnections(), 10);
      const timer = setTimeout(() => server.closeAllConnections(), grace);
      await closed;
      clearInterval(sweep);
      clearTimeout(timer);
    },
  };
}

function cannotListen({ host, port }: Listen, cause: NodeJS.ErrnoException): OpenAgentsError {
  const refuse = (code: "BUSY" | "DENIED" | "CONFIG", why: string): OpenAgentsError =>
    new OpenAgentsError(code, `Cannot listen on ${host}:${port}: ${why}`, { cause });
  switch (cause.code) {
    case "EADDRINUSE":
      return refuse(
        "BUSY",
        `port ${port} is in use: stop the program that uses it, or choose another with --port (0 for any free one)`,
      );
    case "EACCES":
      return refuse("DENIED", `port ${port} is not allowed to this user: choose one above 1023`);
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return refuse("CONFIG", "this machine has no such address: choose another with --host");
    default:
      return refuse("CONFIG", cause.message);
  }
}
