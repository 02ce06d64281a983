import { cloudflare } from "../../src/backends/cloudflare.ts";
import { defineAgent } from "../../src/core/definition.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";
import { wasmSecp } from "../../src/identity/secp-wasm.ts";
import curve from "./secp256k1.wasm";

/** Signs what it is sent. */
const notary = defineAgent({
  name: "notary",
  async onMessage(ctx, message) {
    const { identity } = ctx;
    await ctx.reply({
      publicKey: identity.publicKey,
      signature: await identity.sign(message.text),
    });
  },
});

export const { AgentObject, DirectoryObject, handler } = cloudflare(
  defineRuntime({ agents: [notary] }),
  { secp: wasmSecp(curve) },
);
export default handler;
