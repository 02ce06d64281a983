import { cloudflare } from "../../src/backends/cloudflare.ts";
import type { Env, ObjectContext } from "../../src/backends/cloudflare/platform.ts";
import type { StepPart } from "../../src/core/context.ts";
import { defineAgent } from "../../src/core/definition.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";

/** What is running in this process: each act tells a part, or ends its step. */
const steps = new Map<string, (part: StepPart | undefined) => void>();

const writer = defineAgent({
  name: "writer",
  async onMessage(ctx) {
    await ctx.step("write", async ({ tell }) => {
      const over = Promise.withResolvers<void>();
      steps.set(ctx.agent.name, (part) => (part === undefined ? over.resolve() : tell(part)));
      await over.promise;
      steps.delete(ctx.agent.name);
    });
  },
});

const worker = cloudflare(defineRuntime({ agents: [writer] }));

export const { DirectoryObject, HomeObject } = worker;

/** Has the running step of its agent tell what a request says, and ends when it is told to. */
export class AgentObject extends worker.AgentObject {
  readonly #end: () => void;

  constructor(context: ObjectContext & { abort(reason: string): void }, env: Env) {
    super(context, env);
    this.#end = () => context.abort("evicted");
  }

  override async fetch(request: Request): Promise<Response> {
    const { searchParams } = new URL(request.url);
    const name = searchParams.get("of") ?? "";
    if (searchParams.has("evict")) {
      steps.delete(name);
      this.#end();
    }
    const act = steps.get(name);
    if (searchParams.has("begun")) return Response.json(act !== undefined);
    if (searchParams.has("over")) act?.(undefined);
    else if (searchParams.has("tell")) act?.({ kind: "text", text: searchParams.get("tell")! });
    else return super.fetch(request);
    return Response.json(act !== undefined);
  }
}

export default worker.handler;
