import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

// The floor of the fan-out, as a process of its own: whoever GETs it stays, and is sent the bytes that
// somebody else asks for, with the time when that was.

const clients = new Set<ServerResponse>();

const server = createServer((request, response) => {
  if (request.method === "GET") {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(": connected\n\n");
    clients.add(response);
    response.once("close", () => clients.delete(response));
    return;
  }
  request.resume();
  const url = new URL(request.url ?? "/", "http://floor");
  const ended = performance.timeOrigin + performance.now();
  const head = `event: tick_end\ndata: {"ended":${ended.toFixed(3)},"filler":"`;
  const length = Math.max(0, Number(url.searchParams.get("bytes")) - head.length - 4);
  const event = Buffer.from(`${head}${"x".repeat(length)}"}\n\n`);
  for (const client of clients) client.write(event);
  response.end("{}");
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`listening on http://127.0.0.1:${port}\n`);
});
