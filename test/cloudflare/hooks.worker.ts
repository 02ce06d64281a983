import { cloudflare } from "../../src/backends/cloudflare.ts";
import { defineAgent, defineRuntime } from "../../src/index.ts";
import type { Json } from "../../src/index.ts";

const echo = defineAgent({
  name: "echo",
  state: { seen: [] as Json[] },
  async onTrigger(ctx, { source, from, headers, payload }) {
    ctx.state.seen.push({ source, from, rule: headers["plumber-rule"] ?? "" });
    const { body } = payload as { readonly body: Json };
    await ctx.reply({ status: 201, body });
  },
});

const definition = defineRuntime({
  agents: [echo],
  ensure: [
    { name: "ada", type: "echo" },
    { name: "eve", type: "echo" },
  ],
  hooks: { github: { verify: "github", secret: "GITHUB_WEBHOOK_SECRET", reply: true } },
  plumber: {
    rules: [{ name: "to-eve", when: { headers: { "x-github-event": "push" } }, send: "eve" }],
  },
});

export const { AgentObject, DirectoryObject, HomeObject, handler } = cloudflare(definition);
export default handler;
