import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent } from "../../src/index.ts";
import type { AgentDefinition, Context, SpawnOptions } from "../../src/index.ts";
import { setting } from "./setting.ts";
import type { Setting } from "./setting.ts";

/** Makes the children that it is told, and answers with their npubs or the codes of errors. */
function parent(more: { readonly after?: (ctx: Context) => Promise<void> } = {}): AgentDefinition {
  return defineAgent({
    name: "parent",
    state: { made: [] as string[] },
    retry: { retries: 1, backoff: 10 },
    async onMessage(ctx, message) {
      const wanted = JSON.parse(message.text) as readonly (readonly [string, SpawnOptions?])[];
      const made = wanted.map(([name, options]) =>
        ctx.spawn(name, options).catch((error: { code: string }) => error.code),
      );
      ctx.state.made.push(...(await Promise.all(made)));
      await more.after?.(ctx as unknown as Context);
    },
  });
}

/** Keeps what it hears, and from whom it is. */
const child = defineAgent({
  name: "child",
  state: { heard: [] as unknown[], parent: "" },
  onCreate: (ctx) => void (ctx.state.parent = ctx.agent.parent ?? "nobody"),
  async onMessage(ctx, message) {
    ctx.state.heard.push(message.payload);
    if (message.text === "report" && ctx.agent.parent !== undefined) {
      await ctx.send(ctx.agent.parent, "[]");
    }
  },
});

const spawn = (...wanted: readonly (readonly [string, SpawnOptions?])[]): string =>
  JSON.stringify(wanted);

const made = async ({ runtime }: Setting): Promise<readonly string[]> =>
  (await runtime.state("parent"))["made"] as string[];

void test("ctx.spawn() makes an agent with a key of its own, which knows its parent and hears its first message", async () => {
  const home = await setting([parent(), child]);
  const { runtime, tell } = home;
  const record = await tell(
    "parent",
    spawn(["kid", { type: "child", labels: ["team"], payload: "hello" }]),
  );
  const [id] = await made(home);
  const kid = await runtime.status("kid");
  const above = await runtime.get("parent");
  assert.equal(kid.id, id);
  assert.equal(kid.parent, above.id);
  assert.equal(kid.generation, 1);
  assert.deepEqual([kid.type, kid.labels, kid.status], ["child", ["team"], "active"]);
  assert.deepEqual(await runtime.state("kid"), { heard: ["hello"], parent: above.id });
  assert.notEqual(kid.publicKey, above.publicKey);
  assert.equal((await runtime.key("kid")).source, "derived");
  assert.deepEqual(
    record.sent?.map(({ to, type }) => [to, type]),
    [
      [id, "control"],
      [id, "message"],
    ],
  );
  assert.equal((await runtime.verify("parent")).ok, true);
  assert.equal((await runtime.verify("kid")).ok, true);
  const { items } = await runtime.list({ parent: "parent" });
  assert.deepEqual(
    items.map(({ name }) => name),
    ["kid"],
  );
});
