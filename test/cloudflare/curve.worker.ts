import { cloudflare } from "../../src/backends/cloudflare.ts";
import { defineAgent, defineRuntime } from "../../src/core/definition.ts";
import { wasmSecp } from "../../src/identity/secp-wasm.ts";
import curve from "./secp256k1.wasm";

/** Signs what it is sent. */
const notary = defineAgent({
  name: "notary",
  async onMessage(ctx, message) {
    const { publicKey, sign } = ctx.identity;
    await ctx.reply({ publicKey, signature: await sign(String(message.text)) });
  },
});

export const { AgentObject, DirectoryObject, handler } = cloudflare(
  defineRuntime({ agents: [notary] }),
  { secp: wasmSecp(curve) },
);
export default handler;
