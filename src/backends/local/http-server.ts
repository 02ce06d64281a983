import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Server as HttpsServer, ServerOptions as HttpsServerOptions } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener, RequestError } from "@hono/node-server";
import { problemResponse } from "../../control/problem.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import { refuseRequest } from "./http-refusal.ts";
import { readTls } from "./tls.ts";
import type { TlsFiles } from "./tls.ts";

/** A listening server. */
export interface HttpServer {
  readonly url: string;
  /** How many clients are connected. */
  connections(): number;
  /** From now on connections that ask to be something else than HTTP go there. */
  onUpgrade(take: (request: IncomingMessage, connection: Duplex, head: Buffer) => void): void;
  /** Reads the files of the certificate again; connections that there are keep the old one. @throws CONFIG */
  renewTls(): void;
  /** Takes no more connections, and lets go of those that do nothing. */
  drain(): void;
  /** Closes once the requests under way are answered, at the latest after `grace` ms. */
  close(grace: number): Promise<void>;
}

export interface Listen {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** The server speaks TLS, and nothing else. */
  readonly tls?: TlsFiles | undefined;
  readonly limits?: Partial<HttpLimits> | undefined;
  /** Told, at most once a minute, that there are as many connections as there may be. */
  readonly onFull?: (connections: number) => void;
}

/** What a server takes from its clients. */
export interface HttpLimits {
  /** Connections at once; more are closed as they come. */
  readonly connections: number;
  /** The head of a request: its address and headers, bytes. */
  readonly headBytes: number;
  /** How long the head may take to come, from its first byte or, for the first one, from the connection, ms. */
  readonly headTime: number;
  /** How long a connection may do nothing after an answer, ms. */
  readonly idleTime: number;
  /**
   * How long an answer may take whose client has shut its end, ms: it may read on, but is likely to be gone,
   * and nobody knows before something is sent.
   */
  readonly halfOpenTime: number;
}

/** The limits of a server that nobody gave others. */
export const HTTP_LIMITS: HttpLimits = {
  connections: 16_384,
  headBytes: 16_384,
  headTime: 20_000,
  idleTime: 65_000,
  halfOpenTime: 10_000,
};

type HttpsOptions = HttpsServerOptions & { readonly shouldUpgradeCallback?: unknown };
type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * @throws BUSY for a port in use; DENIED or CONFIG for an address that cannot be had, and for a certificate
 * that cannot be used
 */
export async function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  at: Listen,
): Promise<HttpServer> {
  const limits = { ...HTTP_LIMITS, ...at.limits };
  const options: HttpsOptions = {
    maxHeaderSize: limits.headBytes,
    headersTimeout: limits.headTime,
    // A bundle may take longer to come in than Node gives any request; its reader minds a sender that stops.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(limits.headTime / 4, 5_000),
    // Longer than the pools of common clients keep a connection, so that they close it and not we.
    keepAliveTimeout: limits.idleTime,
    // Others that ask for what is not here, such as HTTP/2, are answered as if they had not.
    shouldUpgradeCallback: ({ headers }: IncomingMessage) =>
      headers.upgrade?.toLowerCase() === "websocket",
    ...(at.tls && readTls(at.tls)),
  };
  const listener = getRequestListener(fetch, {
    // For HTTP/1.0, which may name no host.
    hostname: "localhost",
    errorHandler: refuseAddress,
  });
  const answer: Answer = (request, response) => void listener(request, response);
  const server = at.tls === undefined ? createServer(options, answer) : tlsServer(options, answer);
  // Node would take the end of what a client sends for the end of the client.
  (server as { httpAllowHalfOpen?: boolean }).httpAllowHalfOpen = true;
  server.on(at.tls === undefined ? "connection" : "secureConnection", (connection: Socket) => {
    connection.once("end", () => {
      const timer = setTimeout(() => connection.destroy(), limits.halfOpenTime);
      connection.once("close", () => clearTimeout(timer));
    });
  });
  let connections = 0;
  server.on("connection", (connection: Socket) => {
    connections += 1;
    connection.once("close", () => {
      connections -= 1;
    });
  });
  server.maxConnections = limits.connections;
  server.on(
    "drop",
    onceIn(DROPS_TOLD, () => at.onFull?.(limits.connections)),
  );
  server.on("clientError", refuseRequest);
  server.on("checkExpectation", (_request, response: ServerResponse) => {
    response.shouldKeepAlive = false;
    response.writeHead(417).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(cannotListen(at, error)));
    server.listen(at.port, at.host, resolve);
  });
  const { address, family, port } = server.address() as AddressInfo;
  const host = family === "IPv6" ? `[${address}]` : address;
  return {
    url: `${at.tls === undefined ? "http" : "https"}://${host}:${port}`,
    onUpgrade(take) {
      server.on("upgrade", take);
    },
    connections: () => connections,
    renewTls() {
      if (at.tls === undefined) return;
      (server as HttpsServer).setSecureContext(readTls(at.tls));
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

/** That there are too many connections is told at most so often, ms. */
const DROPS_TOLD = 60_000;

/** A call of `tell`, unless there was one within `ms` before. */
function onceIn(ms: number, tell: () => void): () => void {
  let told = -Infinity;
  return () => {
    const now = performance.now();
    if (now - told < ms) return;
    told = now;
    tell();
  };
}

/** The answer to a request whose address is none; what fails later is the API's to answer. */
function refuseAddress(error: unknown): Response {
  const known = error instanceof RequestError;
  const requestId = crypto.randomUUID();
  const response = problemResponse(
    known
      ? new OpenAgentsError("INVALID", "Cannot read request: its address is none")
      : new OpenAgentsError("FAILED", "Cannot answer request"),
    { requestId },
  );
  response.headers.set("x-request-id", requestId);
  return response;
}

function tlsServer(options: HttpsOptions, answer: Answer): HttpsServer {
  const server = createTlsServer(options, answer);
  // Before TLS there is no request that could be answered.
  server.on("tlsClientError", (_error, connection) => connection.destroy());
  return server;
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
