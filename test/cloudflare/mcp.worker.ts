import * as library from "@modelcontextprotocol/client";
import { cloudflare } from "../../src/backends/cloudflare.ts";
import { defineAgent, defineRuntime, errnoOf } from "../../src/index.ts";
import { mcpClient } from "../../src/mounts/mcp/index.ts";

// The addresses of the servers: the bundle has them as text.
declare const TOOLS: string;
declare const OLD_TOOLS: string;

/** Calls the tool that it is told, and replies with what came of it. */
const user = defineAgent({
  name: "user",
  mcp: ["tools", "old", "program"],
  async onMessage(ctx, message) {
    const { path, input } = message.payload as { path: string; input?: string };
    try {
      await ctx.reply(
        input === undefined ? await ctx.fs.read(path) : await ctx.fs.exchange(path, input),
      );
    } catch (error) {
      await ctx.reply([errnoOf(error), (error as Error).message]);
    }
  },
});

const headers = { authorization: { secret: "TOOLS_TOKEN" } };

export const { AgentObject, DirectoryObject, handler } = cloudflare(
  defineRuntime({
    agents: [user],
    ensure: ["ada", "bob"].map((name) => ({ name, type: "user" })),
    mcp: {
      tools: { url: TOOLS, headers, allow: ["echo", "sum", "fail", "env", "big", "half"] },
      old: { url: OLD_TOOLS, headers },
      program: { command: "echo" },
    },
    limits: { valueBytes: 100_000 },
  }),
  { mcp: mcpClient(library) },
);
export default handler;
