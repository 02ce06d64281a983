import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { openBench } from "./bench.ts";
import { openFloor } from "./floor.ts";
import { sizesOf } from "./sizes.ts";

// The raw floor behind HTTP, as a process of its own: what came in one turn of the event loop is written in
// one transaction and answered; with `accept`, what is delivered and no more. Says where it listens.

const bench = openBench(sizesOf(process.env));
const floor = await openFloor({ ...bench, say: () => undefined }, bench.sizes.agents, {
  accept: process.argv[2] === "accept",
});
let waiting: ServerResponse[] = [];

function commit(): void {
  const group = waiting;
  waiting = [];
  floor.write(group.length, group.length);
  for (const response of group) {
    response.writeHead(200, { "content-type": "application/json" });
    response.end('{"outcome":"done"}');
  }
}

const server = createServer((request, response) => {
  let text = "";
  request.setEncoding("utf8");
  request.on("data", (chunk: string) => {
    text += chunk;
  });
  request.on("end", () => {
    JSON.parse(text);
    if (waiting.push(response) === 1) setImmediate(commit);
  });
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`listening on http://127.0.0.1:${port}\n`);
});
