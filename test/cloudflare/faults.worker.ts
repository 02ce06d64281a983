import { cloudflare } from "../../src/backends/cloudflare.ts";
import type { AgentHost } from "../../src/backends/cloudflare/agent-object.ts";
import type { Env, ObjectContext } from "../../src/backends/cloudflare/platform.ts";
import { defineAgent } from "../../src/core/definition.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";
import { durableObjectStore } from "../../src/stores/durable-object.ts";

const MIB = 1024 * 1024;

/** Does to itself what the platform does, and what it must survive. */
const subject = defineAgent({
  name: "subject",
  state: { fired: 0, answers: [] as unknown[], large: "" },
  async onMessage(ctx, message) {
    switch (message.text) {
      case "alarm":
        ctx.schedule({ in: 50 });
        return;
      case "large":
        ctx.state.large = "\u20ac".repeat(2 * MIB);
        return;
      case "loud":
        await ctx.reply("x".repeat(MIB / 2));
        return;
      case "ask":
        ctx.state.answers.push(await ctx.request("other", "question", { timeout: "1m" }));
        await ctx.reply("asked");
        return;
      default:
        await ctx.reply(ctx.state.large.length);
    }
  },
  onAlarm(ctx) {
    ctx.state.fired += 1;
  },
});

/** Answers after a while. */
const slow = defineAgent({
  name: "slow",
  async onMessage(ctx, message) {
    await ctx.sleep(1500);
    await ctx.reply(`answer to ${message.text}`);
  },
});

/** Passes on to whom it is told, by name. */
const teller = defineAgent({
  name: "teller",
  async onMessage(ctx, message) {
    if (message.from === "operator") await ctx.send(message.text, "told");
  },
});

const worker = cloudflare(
  defineRuntime({
    agents: [subject, slow, teller],
    ensure: ["wanted-1", "wanted-2"].map((name) => ({ name, type: "subject" })),
  }),
);

/** The shard that does not answer, and the calls in the middle of which objects end. */
const broken = { shard: "", calls: new Set<string>() };

export class DirectoryObject extends worker.DirectoryObject {
  override async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (broken.shard !== "" || broken.calls.has(pathname))
      throw new Error("The machine is on fire");
    return super.fetch(request);
  }
}

export class AgentObject extends worker.AgentObject {
  readonly #end: () => void;
  readonly #storage: ObjectContext["storage"];

  constructor(context: ObjectContext & { abort(reason: string): void }, env: Env) {
    super(context, env);
    this.#end = () => context.abort("evicted");
    this.#storage = context.storage;
  }

  override async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (broken.calls.has(pathname)) this.#end();
    if (broken.calls.has("/~/half") && pathname === "/~/admit") {
      // It had made its tables, and no more.
      const store = await durableObjectStore(this.#storage);
      await store.sync();
      this.#end();
    }
    if (searchParams.has("evict")) this.#end();
    if (searchParams.has("ring")) await Promise.all([ring(this), ring(this)]);
    return super.fetch(request);
  }
}

/** What the platform does when an alarm is due, and does again when it is not sure. */
function ring(object: AgentHost): Promise<void> {
  return object.alarm({ isRetry: false });
}

export default {
  async fetch(...args: Parameters<typeof worker.handler.fetch>): Promise<Response> {
    const { searchParams } = new URL(args[0].url);
    broken.shard = searchParams.get("broken") ?? "";
    broken.calls = new Set(searchParams.getAll("cut").map((method) => `/~/${method}`));
    return worker.handler.fetch(...args);
  },
};
