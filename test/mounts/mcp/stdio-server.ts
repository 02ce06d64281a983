import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { testServer } from "./tools.ts";

// A server that a test starts as a program.
serveStdio(() => {
  const server = testServer({ env: process.env, crash: () => process.exit(3) });
  server.registerTool("pid", {}, async () => ({
    content: [{ type: "text", text: String(process.pid) }],
  }));
  server.registerTool("shout", {}, async () => {
    process.stderr.write(`my token is ${process.env["TOKEN"]}\n${"y".repeat(5000)}\n`);
    for (let i = 0; i < 300; i += 1) process.stderr.write(`line ${i}\n`);
    return { content: [{ type: "text", text: "shouted" }] };
  });
  return server;
});
