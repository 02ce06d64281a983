import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { moveAgent } from "../../src/control/remote-runtime.ts";
import type { MoveStep } from "../../src/control/remote-runtime.ts";
import { agentdHome, eventually, keepSending, workerdHome } from "./homes.ts";
import type { MortalHome } from "./homes.ts";

const CONFIG = new URL("move.config.ts", import.meta.url);
/** Statuses in which an agent ticks. */
const TICKING: ReadonlySet<string> = new Set(["creating", "active", "dormant"]);

let local: MortalHome;
let edge: MortalHome;
before(async () => {
  local = await agentdHome("agentd", CONFIG);
  edge = await workerdHome("workerd", "test/crash/move.worker.ts");
});
after(async () => {
  await local[Symbol.asyncDispose]();
  await edge[Symbol.asyncDispose]();
});

/** How an agent is at a home; undefined when it is not known there. */
async function statusAt(home: MortalHome, ref: string): Promise<string | undefined> {
  try {
    return (await home.runtime.get(ref)).status;
  } catch (error) {
    if ((error as { code?: string }).code === "NOT_FOUND") return undefined;
    throw error;
  }
}

/** Asserts that one home owns the agent, ticking or between two homes, and that not both tick. */
async function assertOneOwner(ref: string, when: string): Promise<void> {
  const statuses = await Promise.all([local, edge].map((home) => statusAt(home, ref)));
  const said = `${statuses.join(" and ")} ${when}`;
  const owners = statuses.filter((status) => status === "leaving" || TICKING.has(status ?? ""));
  // Once it has departed, and before it has arrived, its copy is all that can become an owner.
  if (owners.length === 0) {
    assert.deepEqual(new Set(statuses), new Set(["arriving", "moved"]), said);
  } else assert.equal(owners.length, 1, said);
}

const STEPS = ["leaving", "sending", "taken in", "departed"] as const satisfies MoveStep["step"][];

void test("an agent whose move is cut off by SIGKILL of either home, at each step, has one owner and loses nothing", async (t) => {
  const { id } = await local.runtime.create({ name: "ada", type: "traveller" });
  const client = keepSending(local, id, "client");
  let [from, to] = [local, edge];
  for (const step of STEPS) {
    for (const victim of ["from", "to"] as const) {
      for (let way = 0; way < 2; way += 1) {
        const when = `${from.name} to ${to.name}, ${victim} killed when ${step}`;
        const killed = victim === "from" ? from : to;
        const homes = { from: from.runtime, to: to.runtime };
        const options = { url: to.url, wait: 60_000 };
        let dead: Promise<void> | undefined;
        const ended = await moveAgent(homes, id, {
          ...options,
          onStep: (now) => {
            if (now.step === step) dead ??= killed.kill();
          },
        }).then(
          () => "ended well",
          (error: unknown) => String(error),
        );
        t.diagnostic(`${when}: ${ended}`);
        assert.ok(dead !== undefined, when);
        await dead;
        await killed.start();
        await assertOneOwner(id, `after ${when}`);
        await eventually(`${when}, again`, async () => {
          const { agent } = await moveAgent(homes, id, options);
          return agent;
        });
        await assertOneOwner(id, `in the end of ${when}`);
        assert.equal(await statusAt(from, id), "moved", when);
        const { beats } = (await to.runtime.state(id)) as { beats: number };
        await eventually(`it to tick after ${when}`, async () =>
          ((await to.runtime.state(id)) as { beats: number }).beats > beats ? true : undefined,
        );
        [from, to] = [to, from];
      }
    }
  }
  await client.stop();
  const { accepted } = client;
  assert.ok(accepted.length > 2 * STEPS.length, `${accepted.length} messages`);
  const state = await eventually("all mail to be dealt with", async () => {
    const { got } = (await from.runtime.state(id)) as { got: string[] };
    return got.length >= accepted.length ? got : undefined;
  });
  assert.deepEqual(state, accepted);
  assert.deepEqual(await from.runtime.deadLetters(id, 0, 10), []);
  const verdict = await from.runtime.verify(id);
  assert.equal(verdict.ok, true, JSON.stringify(verdict));
});
