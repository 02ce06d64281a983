import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { controlApi } from "../../src/control/api.ts";
import { bearerAccess } from "../../src/control/bearer-access.ts";
import { idempotency } from "../../src/control/idempotency.ts";
import { mailLimit } from "../../src/control/mail.ts";
import { plumbedReceipts, plumbedSink } from "../../src/control/plumbed.ts";
import { rateLimit } from "../../src/control/rate-limit.ts";
import { sendersOf } from "../../src/control/signed-mail.ts";
import { storedSecrets } from "../../src/control/secrets.ts";
import { storedTokens } from "../../src/control/tokens.ts";
import { webhooks, webhookTimer } from "../../src/control/webhooks.ts";
import { fileBrake } from "../../src/core/brake.ts";
import { createRuntime } from "../../src/core/create-runtime.ts";
import { defineAgent } from "../../src/core/definition.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";
import { OpenAgentsError, TerminalError } from "../../src/core/errors.ts";
import type { Clock } from "../../src/core/ports/index.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { systemClock, systemRandom } from "../../src/core/system.ts";
import { plumberOf } from "../../src/drivers/plumber.ts";
import { scheduler } from "../../src/drivers/scheduler.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";
import { HttpTokens } from "../../src/identity/nip98.ts";
import { nobleSecp } from "../../src/identity/secp.ts";
import { agentMemory } from "../../src/memory/index.ts";
import { treesOf } from "./file-tree.ts";
import { sqlite, sqliteHomeFiles } from "../../src/stores/sqlite.ts";

/** The root token of the home. */
export const TOKEN = "the-root-token-of-the-fuzzed-home";
/** The types of its agents. */
export const TYPES = ["echo", "mute", "thrower", "sleeper", "picky"];

/** A home as agentd makes one, on SQLite, whose outside world answers at once and at times badly. */
export interface FuzzHome extends AsyncDisposable {
  readonly runtime: Runtime;
  readonly problems: string[];
  fetch(request: Request): Promise<Response>;
}

/** Nothing takes long: what would wait for minutes is over in a moment. */
const hurried: Clock = {
  now: () => systemClock.now(),
  after: (ms, run) => systemClock.after(Math.min(ms, 40), run),
};

const agents = [
  defineAgent({
    name: "echo",
    state: { heard: 0 },
    async onMessage(ctx, message) {
      ctx.state.heard += 1;
      ctx.log.info("heard", { text: message.text ?? null });
      ctx.broadcast("heard", { total: ctx.state.heard });
      ctx.schedule({ in: "10ms" }, "again", { id: "again" });
      await ctx.reply({ echo: message.payload, from: message.from });
    },
    onTrigger: () => undefined,
  }),
  defineAgent({ name: "mute", timeout: "30ms", onTrigger: () => new Promise(() => {}) }),
  defineAgent({
    name: "thrower",
    retry: { retries: 1, backoff: "1ms", quarantineAfter: 3 },
    onTrigger() {
      throw new Error("Agent code \ud800 failed");
    },
  }),
  defineAgent({ name: "sleeper", onTrigger: (ctx) => ctx.sleep("1h") }),
  defineAgent({
    name: "picky",
    inbox: { depth: 2, overflow: "reject-new" },
    onTrigger(_ctx, trigger) {
      throw new TerminalError(`Cannot take ${trigger.type}`);
    },
  }),
];

/** Starts the home. */
export async function fuzzHome(): Promise<FuzzHome> {
  const dir = mkdtempSync(join(tmpdir(), "openagents-fuzz-"));
  const problems: string[] = [];
  const note = (problem: string, error?: unknown): void => {
    problems.push(error instanceof Error ? `${problem}: ${error.stack}` : problem);
  };
  const definition = defineRuntime({
    agents,
    ensure: TYPES.map((type) => ({ name: type, type })),
    limits: { envelopeBytes: 4000, parked: 5 },
    hooks: {
      signed: { verify: { header: "x-signature" }, secret: "HOOK_SECRET" },
    },
  });
  const [clock, random] = [hurried, systemRandom];
  const store = sqlite(join(dir, "store.db"));
  const files = sqliteHomeFiles(join(dir, "home.db"));
  const signer = derivedSigner(newMnemonic());
  const runtime = createRuntime({
    definition,
    store,
    signer,
    memory: agentMemory,
    tree: treesOf().tree,
    names: async (name) => {
      if (name.startsWith("u")) {
        throw new OpenAgentsError("UNREACHABLE", `Cannot ask about ${JSON.stringify(name)}`);
      }
      return undefined;
    },
    clock,
    random,
    forwarder: { forward: async (_to, mail) => mail.map(() => "accepted") },
    brake: fileBrake({ files, clock }),
    onProblem: note,
  });
  const tokens = storedTokens({ files, clock, random });
  const secrets = storedSecrets({ files, clock, signer, learn: () => undefined });
  const plumber = plumberOf(definition);
  const schedules = scheduler({
    files,
    clock,
    random,
    deliver: plumbedReceipts(plumber, (mail) => runtime.accept(mail)),
  });
  const timer = webhookTimer(clock);
  let posts = 0;
  const out = webhooks({
    files,
    clock,
    random,
    due: timer.due,
    async post() {
      posts += 1;
      if (posts % 5 === 0) throw new Error("The receiver hung up");
      return { status: [200, 500, 410, 302, 429][posts % 5]!, retryAfter: "soon", body: "\ud83d" };
    },
  });
  const api = controlApi({
    access: bearerAccess({ token: TOKEN, tokens }),
    rates: rateLimit(clock),
    signed: {
      tokens: new HttpTokens({ clock, secp: nobleSecp }),
      address: (url) => url,
      bodyLimit: mailLimit(definition.limits.envelopeBytes),
    },
    senders: sendersOf(definition),
    limits: definition.limits,
    version: "1.2.3",
    types: [...definition.agents.keys()],
    hooks: {
      hooks: definition.hooks,
      secrets: () => "a secret of the hook",
      clock,
      random,
      sink: plumbedSink(plumber, runtime),
    },
    webhooks: out,
    onError: (error) => note("500", error),
  });
  const bindings = {
    home: runtime,
    runtime,
    schedules,
    tokens,
    secrets,
    idempotency: idempotency({ files, clock }),
  };
  const unwatch = runtime.watch(undefined, (tick) => {
    out.notice([tick]).catch((error: unknown) => note("notice", error));
  });
  await runtime.start();
  await out.catchUp(runtime);
  const stopTimer = timer.start(out, (error) => note("webhooks", error));
  schedules.start();
  return {
    runtime,
    problems,
    fetch: async (request) => api.fetch(request, bindings),
    async [Symbol.asyncDispose]() {
      unwatch();
      stopTimer();
      await schedules.stop();
      await runtime.stop(0);
      await out.stop();
      await store.close();
      await files.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
