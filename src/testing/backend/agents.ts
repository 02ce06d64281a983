import { defineAgent } from "../../core/definition.ts";
import type { AgentDefinition } from "../../core/definition.ts";
import type { ContextFiles } from "../../core/context.ts";
import { TerminalError } from "../../core/errors.ts";
import { errnoOf } from "../../core/file-error.ts";
import type { StandardSchema } from "../../core/standard-schema.ts";
import { modelAgents } from "./model-agents.ts";
import type { Outside } from "./outside.ts";

/** Accepts objects whose `count` is a number of at most 2. */
const smallCount: StandardSchema<{ count: number }> = {
  "~standard": {
    version: 1,
    vendor: "openagents",
    validate: (value) => {
      const { count } = value as { count?: unknown };
      if (typeof count === "number" && count <= 2) return { value: { count } };
      return { issues: [{ message: "must be at most 2", path: ["count"] }] };
    },
  },
};

/** How many steps a plodder takes. */
export const PLODS = 50;

const quick = { backoff: 10, maxBackoff: 50 } as const;

/**
 * The agent types that the backend suite works with: give them all to the backend under test, with
 * the `outside` that its fixture has. Some are other code in release 2.
 */
export function conformanceAgents(
  outside: Outside,
  release: 1 | 2 = 1,
): readonly AgentDefinition[] {
  return [
    ...modelAgents(outside),
    // Steps, then waits; in release 2 it does something else before it waits, if the message says so.
    ...(["fail", "restart"] as const).map((onMismatch) =>
      defineAgent({
        name: `upgraded-${onMismatch}`,
        revision: `release ${release}`,
        onMismatch,
        retry: quick,
        state: { done: [] as string[] },
        async onMessage(ctx, message) {
          const { change, gate } = message.payload as { change: boolean; gate: string };
          const step = (name: string): Promise<number> =>
            ctx.step(name, () => outside.count(`${message.id} ${name}`));
          if (change && release === 2) await step("new");
          await step("work");
          await ctx.request(gate, "open?", { timeout: "1h" });
          await step("end");
          ctx.state.done.push(message.id);
        },
      }),
    ),
    // Keeps the texts it gets, and answers with how many there are.
    defineAgent({
      name: "keeper",
      state: { got: [] as string[] },
      async onMessage(ctx, message) {
        ctx.state.got.push(message.text);
        await ctx.reply(ctx.state.got.length);
      },
    }),
    // Notes when two of its ticks overlap.
    defineAgent({
      name: "loner",
      state: { ticks: 0, overlaps: 0 },
      async onMessage(ctx) {
        const entered = await outside.count(`${ctx.agent.id} in`);
        const inside = entered - (await outside.counted(`${ctx.agent.id} out`));
        if (inside > 1) ctx.state.overlaps += 1;
        await new Promise((resolve) => setTimeout(resolve, 1));
        await outside.count(`${ctx.agent.id} out`);
        ctx.state.ticks += 1;
      },
    }),
    // Takes many small steps.
    defineAgent({
      name: "plodder",
      state: { did: [] as number[] },
      async onMessage(ctx, message) {
        const did: number[] = [];
        for (let i = 0; i < PLODS; i += 1) {
          did.push(
            await ctx.step("plod", async () => {
              await new Promise((resolve) => setTimeout(resolve, 50));
              return outside.count(`${message.id} steps`);
            }),
          );
        }
        ctx.state.did = did;
      },
    }),
    // Stands at a gate named by itself with each message.
    defineAgent({
      name: "gated",
      state: { got: [] as string[] },
      async onMessage(ctx, message) {
        await outside.open(`${ctx.agent.name} reached`);
        await outside.pass(`${ctx.agent.name} gate`);
        ctx.state.got.push(message.text);
      },
    }),
    // The same with a small inbox.
    ...(["reject-new", "drop-oldest", "dead-letter"] as const).map((overflow) =>
      defineAgent({
        name: `gated-${overflow}`,
        state: { got: [] as string[] },
        inbox: { depth: 2, overflow },
        async onMessage(ctx, message) {
          await outside.pass(`${ctx.agent.name} gate`);
          ctx.state.got.push(message.text);
        },
      }),
    ),
    // Sends before it fails, as often as the message says.
    defineAgent({
      name: "sender",
      state: { sent: 0 },
      retry: quick,
      async onMessage(ctx, message) {
        const { to, failures } = message.payload as { to: string; failures: number };
        ctx.state.sent += 1;
        await ctx.send(to, "hello");
        ctx.broadcast("sent");
        if ((await outside.count(`${message.id} tries`)) <= failures) throw new Error("not yet");
      },
    }),
    // Does outside work in a step, then fails or waits as it is told.
    defineAgent({
      name: "stepper",
      state: { results: [] as number[], keys: [] as string[] },
      retry: quick,
      async onMessage(ctx, message) {
        const { failures, gate } = message.payload as { failures: number; gate?: string };
        const keys: string[] = [];
        const result = await ctx.step("work", ({ key }) => {
          keys.push(key);
          return outside.count(`${message.id} work`);
        });
        if (gate !== undefined && (await outside.count(`${message.id} waits`)) === 1) {
          await outside.open(`${gate} reached`);
          await outside.pass(gate);
        }
        if ((await outside.count(`${message.id} tries`)) <= failures) throw new Error("not yet");
        ctx.state.results.push(result);
        ctx.state.keys.push(...keys);
      },
    }),
    // Asks another agent, then sleeps; counts other mail meanwhile.
    defineAgent({
      name: "asker",
      state: { answers: [] as unknown[], others: 0 },
      retry: quick,
      async onMessage(ctx, message) {
        const question = message.payload as { ask?: string; sleep?: string; timeout?: string };
        if (question.ask === undefined && question.sleep === undefined) {
          ctx.state.others += 1;
          return;
        }
        if (question.sleep !== undefined) await ctx.sleep(question.sleep);
        if (question.ask !== undefined) {
          const timeout = question.timeout ?? "1m";
          const answer = await ctx
            .request(question.ask, "question", { timeout })
            .catch((error: { code: string }) => error.code);
          ctx.state.answers.push(answer);
        }
        await ctx.reply("asked");
      },
    }),
    // Answers a request when its gate opens.
    defineAgent({
      name: "oracle",
      async onMessage(ctx, message) {
        await outside.pass(`${ctx.agent.name} gate`);
        await ctx.reply(`answer to ${message.text}`);
      },
    }),
    // Makes the agent that it is told to, then waits as it is told; answers with what came of it.
    defineAgent({
      name: "spawner",
      retry: quick,
      async onMessage(ctx, message) {
        if (message.source === "agent") return;
        const { name, gate, sleep, ...options } = message.payload as unknown as {
          name?: string;
          gate?: string;
          sleep?: string;
          type?: string;
          payload?: string;
        };
        const made =
          name === undefined
            ? undefined
            : await ctx.spawn(name, options).catch((error: { code: string }) => error.code);
        if (sleep !== undefined) await ctx.sleep(sleep);
        if (gate !== undefined) {
          await outside.open(`${gate} reached`);
          await outside.pass(gate);
        }
        const children = (await ctx.children()).map((child) => child.name);
        await ctx.reply({ made: made ?? null, children });
      },
    }),
    // Tells its parent what it hears.
    defineAgent({
      name: "reporter",
      state: { got: [] as string[] },
      async onMessage(ctx, message) {
        ctx.state.got.push(message.text);
        if (ctx.agent.parent !== undefined) await ctx.send(ctx.agent.parent, message.text);
      },
    }),
    // Fails in the way that the message names.
    defineAgent({
      name: "clumsy",
      state: { errors: [] as string[], tries: 0 },
      timeout: 100,
      retry: { ...quick, retries: 2, quarantineAfter: 3 },
      async onMessage(ctx, message) {
        await outside.count(`${message.id} tries`);
        ctx.state.tries += 1;
        if (message.text === "throw") throw new Error("thrown");
        if (message.text === "terminal") throw new TerminalError("no use");
        if (message.text === "hang") await new Promise(() => undefined);
        if (message.text === "unserialisable") {
          (ctx.state as Record<string, unknown>)["bad"] = { fn: () => 1 };
        }
        if (message.text === "huge") {
          (ctx.state as Record<string, unknown>)["huge"] = "x".repeat(20_000_000);
        }
        await ctx.reply("fine");
      },
      onError(ctx, error) {
        ctx.state.errors.push(error.message);
      },
    }),
    // Takes its process with it, until its gate is open.
    defineAgent({
      name: "poison",
      retry: { ...quick, retries: 2 },
      async onMessage(ctx) {
        const tries = await outside.count(`${ctx.agent.name} tries`);
        await outside.open(`${ctx.agent.name} reached ${tries}`);
        await new Promise(() => undefined);
      },
    }),
    // Sets alarms as it is told and notes when they fire.
    defineAgent({
      name: "alarmed",
      state: { fired: [] as string[] },
      async onMessage(ctx, message) {
        const { id, cancel, ...when } = message.payload as {
          id: string;
          cancel?: boolean;
          in: number;
        };
        if (cancel === true) ctx.cancel(id);
        else ctx.schedule(when, { for: id }, { id });
      },
      onAlarm(ctx, alarm) {
        ctx.state.fired.push(alarm.alarmId);
        if (ctx.state.fired.length >= 3) ctx.cancel(alarm.alarmId);
      },
    }),
    // Every hook of a life.
    defineAgent({
      name: "living",
      state: { life: [] as string[] },
      onCreate: (ctx) => void ctx.state.life.push("create"),
      onWake: (ctx) => void ctx.state.life.push("wake"),
      onMessage: (ctx) => void ctx.state.life.push("message"),
      onManual: (ctx) => void ctx.state.life.push("manual"),
      onSleep: (ctx) => void ctx.state.life.push("sleep"),
      onTerminate: (ctx) => void ctx.state.life.push("terminate"),
    }),
    // Does with its files what it is told, and answers with what came of each.
    defineAgent({
      name: "librarian",
      retry: quick,
      mounts: [{ path: "/fs/desk", kind: "scratch", source: "", access: "read-write" }],
      async onMessage(ctx, message) {
        if (typeof message.payload === "string") return;
        const { do: acts, fail = 0 } = message.payload as unknown as {
          do: readonly (readonly [keyof ContextFiles, ...unknown[]])[];
          fail?: number;
        };
        const said: unknown[] = [];
        for (const [act, ...args] of acts) {
          const run = ctx.fs[act].bind(ctx.fs) as (...args: unknown[]) => Promise<unknown>;
          said.push(await run(...args).catch((error: unknown) => errnoOf(error)));
        }
        if ((await outside.count(`${message.id} tries`)) <= fail) throw new Error("not yet");
        await ctx.reply(said);
      },
    }),
    // Keeps what it is told, and says what it finds.
    defineAgent({
      name: "rememberer",
      retry: quick,
      async onMessage(ctx, message) {
        const {
          say,
          find,
          read,
          fail = 0,
        } = message.payload as {
          say?: string;
          find?: string;
          read?: string;
          fail?: number;
        };
        const talk = ctx.memory.conversations.get("talk");
        if (say !== undefined) {
          await talk.append({ role: "user", content: say, tokens: 10 });
          await ctx.memory.patterns.learn({ text: `They said: ${say}` });
          await ctx.memory.kv.set("last", say);
        }
        if (read !== undefined) {
          await ctx.memory.files.note(read, { digest: "1", summary: "All about tides" });
          const goal = await ctx.goals.add({ id: "read", title: `Read ${read}` });
          await ctx.goals.update(goal.id, { status: "done", result: "Tides come twice a day" });
        }
        const found = find === undefined ? [] : await ctx.memory.search(find);
        const { messages } = await talk.context({ tokens: 20 });
        if ((await outside.count(`${message.id} tries`)) <= fail) throw new Error("not yet");
        await ctx.reply({
          found: found.map((hit) => [hit.in, hit.n ?? null, hit.text]),
          context: messages.map(({ content }) => content),
        });
      },
    }),
    // Sets itself the goals that it is told.
    defineAgent({
      name: "striver",
      retry: { retries: 0 },
      async onMessage(ctx, message) {
        await ctx.goals.add(message.payload as { id: string; title: string });
      },
    }),
    defineAgent({
      name: "checked",
      state: { count: 0 },
      stateSchema: smallCount,
      messageSchema: smallCount,
      retry: quick,
      onMessage(ctx, message) {
        ctx.state.count = (message.payload as { count: number }).count + 1;
      },
    }),
  ];
}
