import { McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";

/** What the tools of the test have in common with the outside. */
export interface ServerWorld {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends the server at once. */
  readonly crash: () => void;
  readonly keys?: string[];
  readonly left?: string[];
}

/** A server with tools for all that a test wants of one. */
export function testServer(world: ServerWorld): McpServer {
  const server = new McpServer({ name: "tests", version: "1" });
  const text = (said: string): { content: { type: "text"; text: string }[] } => ({
    content: [{ type: "text", text: said }],
  });
  server.registerTool(
    "echo",
    {
      description: "Says what it is told",
      inputSchema: z.object({ text: z.string() }),
      annotations: { readOnlyHint: true },
    },
    async (input, ctx) => {
      const key = ctx.mcpReq._meta?.["openagents/idempotency-key"];
      if (typeof key === "string") world.keys?.push(key);
      return text(input.text);
    },
  );
  server.registerTool(
    "sum",
    {
      inputSchema: z.object({ a: z.number(), b: z.number() }),
      outputSchema: z.object({ sum: z.number() }),
    },
    async ({ a, b }) => ({ ...text(String(a + b)), structuredContent: { sum: a + b } }),
  );
  server.registerTool("fail", {}, async () => ({ ...text("the disk is full"), isError: true }));
  server.registerTool("picture", {}, async () => ({
    content: [{ type: "image", data: "AAAA", mimeType: "image/png" }],
  }));
  server.registerTool("env", {}, async () => text(JSON.stringify(world.env)));
  server.registerTool("big", { inputSchema: z.object({ bytes: z.number() }) }, async ({ bytes }) =>
    text("x".repeat(bytes)),
  );
  server.registerTool("crash", {}, async () => {
    world.crash();
    return new Promise<never>(() => undefined);
  });
  server.registerTool("half", {}, async (ctx) => {
    // What is told on the way has the answer begin as a stream.
    await ctx.mcpReq.log("info", "begun");
    setTimeout(world.crash, 20);
    return new Promise<never>(() => undefined);
  });
  server.registerTool("stall", {}, async (ctx) => {
    ctx.mcpReq.signal.addEventListener("abort", () => world.left?.push("stall"));
    return new Promise<never>(() => undefined);
  });
  server.registerTool("grow", {}, async () => {
    server.registerTool("grown", { description: "New" }, async () => text("I am new"));
    return text("grown");
  });
  return server;
}
