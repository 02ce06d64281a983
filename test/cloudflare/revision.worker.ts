import { cloudflare } from "../../src/backends/cloudflare.ts";
import type { Env, ObjectContext, WorkerContext } from "../../src/backends/cloudflare/platform.ts";
import { defineAgent, defineRuntime } from "../../src/core/definition.ts";
import type { Context } from "../../src/core/context.ts";

declare const FIRST: string;
declare const DEPLOYMENT: string;

/** What the hook calls: its own source stays the same. */
async function work(ctx: Context): Promise<void> {
  await ctx.step(FIRST, () => FIRST);
  await ctx.sleep("1s");
  await ctx.step("mail", () => "mailed");
}

const worker = cloudflare(
  defineRuntime({ agents: [defineAgent({ name: "clerk", onMessage: (ctx) => work(ctx) })] }),
);

/** As with a binding of the kind `version_metadata`, which plain workerd does not have. */
function deployed(env: Env): Env {
  return { ...env, CF_VERSION_METADATA: { id: DEPLOYMENT } };
}

export class AgentObject extends worker.AgentObject {
  constructor(context: ObjectContext, env: Env) {
    super(context, deployed(env));
  }
}

export class DirectoryObject extends worker.DirectoryObject {
  constructor(context: ObjectContext, env: Env) {
    super(context, deployed(env));
  }
}

export default {
  fetch: (request: Request, env: Env, context: WorkerContext): Promise<Response> =>
    worker.handler.fetch(request, deployed(env), context),
};
