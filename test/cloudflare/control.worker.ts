import { cloudflare } from "../../src/backends/cloudflare.ts";
import { defineAgent } from "../../src/core/definition.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";

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
