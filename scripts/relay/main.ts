// node scripts/relay/main.ts --file FILE [--port PORT] [--auth] [--page N]
// A Nostr relay that is not ours (@nostr-relay), on loopback; prints its port and serves until it is killed
// or its stdin ends.
import { registerHooks } from "node:module";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { WebSocketServer } from "ws";

registerHooks({
  resolve(specifier, context, next) {
    if (specifier !== "better-sqlite3") return next(specifier, context);
    return { url: new URL("better-sqlite3.ts", import.meta.url).href, shortCircuit: true };
  },
});
const { NostrRelay } = await import("@nostr-relay/core");
const { EventRepositorySqlite } = await import("@nostr-relay/event-repository-sqlite");
const { Validator } = await import("@nostr-relay/validator");

const { values } = parseArgs({
  options: {
    file: { type: "string" },
    port: { type: "string", default: "0" },
    auth: { type: "boolean", default: false },
    page: { type: "string", default: "100" },
  },
});

const events = new EventRepositorySqlite(values.file, { defaultLimit: Number(values.page) / 10 });
await events.init();
const relay = new NostrRelay(events, { ...(values.auth && { hostname: "127.0.0.1" }) });
const validator = new Validator();
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(values.port) });

server.on("connection", (socket) => {
  relay.handleConnection(socket);
  socket.on("message", (data: Buffer) => {
    validator.validateIncomingMessage(data).then(
      (message) => relay.handleMessage(socket, message),
      (error: unknown) => socket.send(JSON.stringify(["NOTICE", (error as Error).message])),
    );
  });
  socket.on("close", () => relay.handleDisconnect(socket));
  socket.on("error", () => socket.terminate());
});
process.stdin.on("end", () => process.exit()).resume();
server.on("listening", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
