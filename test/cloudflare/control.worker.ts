import { cloudflare } from "../../src/backends/cloudflare.ts";
import { defineAgent, defineRuntime } from "../../src/core/definition.ts";

const listener = defineAgent({
  name: "listener",
  state: { heard: [] as string[] },
  senders: "anyone",
  onMessage: (ctx, message) => void ctx.state.heard.push(`${message.from} ${message.text}`),
});

export const { AgentObject, DirectoryObject, HomeObject, handler } = cloudflare(
  defineRuntime({ agents: [listener], ensure: [{ name: "ada", type: "listener" }] }),
);
export default handler;
