import { cloudflare } from "../../src/backends/cloudflare.ts";
import type { Env, ObjectContext } from "../../src/backends/cloudflare/platform.ts";
import { defineAgent } from "../../src/core/definition.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";

const counter = defineAgent({
  name: "counter",
  state: { count: 0 },
  async onMessage(ctx, message) {
    ctx.state.count += 1;
    if (message.text === "later") {
      ctx.schedule({ in: "85s" });
    }
    if (typeof message.payload === "number") ctx.broadcast("noise", "x".repeat(message.payload));
    await ctx.reply(ctx.state.count);
  },
  onAlarm(ctx) {
    ctx.broadcast("rang");
  },
});

const worker = cloudflare(defineRuntime({ agents: [counter] }), {
  origins: ["https://app.example"],
});

export const { DirectoryObject, HomeObject } = worker;

/** Says which of the objects it is that an agent has had, and ends when it is told to. */
export class AgentObject extends worker.AgentObject {
  readonly #made = crypto.randomUUID();
  readonly #end: () => void;

  constructor(context: ObjectContext & { abort(reason: string): void }, env: Env) {
    super(context, env);
    this.#end = () => context.abort("evicted");
  }

  override async fetch(request: Request): Promise<Response> {
    const { searchParams } = new URL(request.url);
    if (searchParams.has("evict")) this.#end();
    if (searchParams.has("made")) return Response.json({ made: this.#made });
    return super.fetch(request);
  }
}

export default worker.handler;
