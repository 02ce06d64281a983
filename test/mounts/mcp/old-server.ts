import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

// A program of before 2026, as some are: it ends when it is asked what it does not know, prints what is no
// message, starts others, and does not end with its input.
const answers: Readonly<Record<string, unknown>> = {
  initialize: {
    protocolVersion: "2025-06-18",
    capabilities: { tools: {} },
    serverInfo: { name: "old", version: "1" },
  },
  "tools/list": { tools: [{ name: "child", inputSchema: { type: "object" } }] },
};

console.log("Welcome to the old server");
const child = spawn("sleep", ["1000"], { stdio: "inherit" });
setInterval(() => undefined, 60_000);

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method } = JSON.parse(line) as { id?: number; method: string };
  if (method === "server/discover") process.exit(1);
  if (id === undefined) return;
  const pids = JSON.stringify([process.pid, child.pid]);
  const result = answers[method] ?? { content: [{ type: "text", text: pids }] };
  console.log(JSON.stringify({ jsonrpc: "2.0", id, result }));
});
