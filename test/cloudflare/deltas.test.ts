import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startWorkerd } from "../../scripts/workerd.ts";
import type { Workerd } from "../../scripts/workerd.ts";
import { agentSocket } from "../../src/control/agent-socket.ts";
import type { AgentSocket } from "../../src/control/agent-socket.ts";
import { parseEvents } from "../../src/control/events.ts";

let worker: Workerd;
before(async () => {
  worker = await startWorkerd({
    entry: "test/cloudflare/deltas.worker.ts",
    objects: { AGENTS: "AgentObject", DIRECTORY: "DirectoryObject", HOME: "HomeObject" },
  });
});
after(() => worker[Symbol.asyncDispose]());

async function post(path: string, body: unknown): Promise<void> {
  const response = await worker.fetch(path, { method: "POST", body: JSON.stringify(body) });
  assert.ok(response.ok, await response.text());
}

async function asked(name: string, what: string): Promise<boolean> {
  const response = await worker.fetch(`/agents/${name}/status?of=${name}&${what}`);
  return (await response.json()) as boolean;
}

const tell = (name: string, text: string): Promise<boolean> =>
  asked(name, `tell=${encodeURIComponent(text)}`);

/** An agent that is in the middle of a step. */
async function begin(name: string): Promise<void> {
  await post("/agents", { name, type: "writer" });
  await post(`/agents/${name}/tick`, {});
  await post(`/agents/${name}/send`, { text: "go" });
  await begun(name);
}

async function begun(name: string): Promise<void> {
  while (!(await asked(name, "begun"))) await sleep(20);
}

/** Puts together what comes, and knows nothing but to begin anew with a tick. */
class Naive {
  text = "";
  last = "";
  readonly names: string[] = [];
  #told = (): void => {};

  hear(id: string, event: string, data: unknown): void {
    this.last = id;
    this.names.push(event);
    if (event === "tick_start") this.text = "";
    if (event === "delta") this.text += (data as { text: string }).text;
    this.#told();
  }

  async until(done: () => boolean): Promise<void> {
    while (!done()) await new Promise<void>((resolve) => (this.#told = resolve));
  }

  socket(agent: string, cursor?: string): AgentSocket {
    return agentSocket({
      url: worker.url,
      token: worker.token,
      agent,
      ...(cursor !== undefined && { after: cursor }),
      onEvent: ({ id, event, data }) => this.hear(id, event, data),
    });
  }
}

void test("WebSockets to an object have the text of a running tick, whenever they come and come again", async () => {
  await begin("tells");
  await tell("tells", "one ");
  const first = new Naive();
  let socket = first.socket("tells");
  await first.until(() => first.text === "one ");
  await tell("tells", "two ");
  await first.until(() => first.text === "one two ");
  socket.close();
  await tell("tells", "three ");
  socket = first.socket("tells", first.last);
  const late = new Naive();
  const other = late.socket("tells");
  await first.until(() => first.text === "one two three ");
  await late.until(() => late.text === "one two three ");
  await tell("tells", "four");
  assert.ok(await asked("tells", "over"));
  for (const client of [first, late]) {
    await client.until(() => client.names.at(-1) === "tick_end");
    assert.equal(client.text, "one two three four");
    assert.equal(client.names.filter((name) => name === "tick_start").length, 1);
  }
  assert.ok(!late.last.includes("~"));
  socket.close();
  other.close();
});

void test("server-sent events of an object go on in the middle of a tick from the last id", async () => {
  await begin("sse");
  const client = new Naive();
  const words = ["one ", "two ", "three ", "four"];
  for (const [i, word] of words.entries()) {
    await tell("sse", word);
    const headers: Record<string, string> = i === 0 ? {} : { "last-event-id": client.last };
    const { body } = await worker.fetch("/agents/sse/stream", { headers });
    const whole = words.slice(0, i + 1).join("");
    for await (const { id, event, data } of parseEvents(body!)) {
      client.hear(id, event, JSON.parse(data));
      if (client.text === whole) break;
    }
    assert.equal(client.text, whole);
  }
  assert.equal(client.names.filter((name) => name === "tick_start").length, 1);
  await asked("sse", "over");
});

void test("a client of an object that ends in the middle of a tick begins anew with the next try", async () => {
  await begin("mortal");
  await tell("mortal", "of the first try");
  const client = new Naive();
  const socket = client.socket("mortal");
  await client.until(() => client.text === "of the first try");
  await worker.fetch("/agents/mortal/status?evict&of=mortal").catch(() => undefined);
  await begun("mortal");
  await tell("mortal", "of the second");
  await client.until(() => client.text === "of the second");
  assert.ok(await asked("mortal", "over"));
  await client.until(() => client.names.at(-1) === "tick_end");
  assert.equal(client.text, "of the second");
  assert.equal(client.names.filter((name) => name === "tick_start").length, 2);
  socket.close();
});
