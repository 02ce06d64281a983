import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

// A bare HTTP server that answers with so many bytes of JSON, as a process of its own: the floor of what is
// read over HTTP. `static-floor.ts BYTES`.

const body = JSON.stringify("x".repeat(Math.max(0, Number(process.argv[2]) - 2)));
const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
const server = createServer((_request, response) => {
  response.writeHead(200, headers).end(body);
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`listening on http://127.0.0.1:${port}\n`);
});
