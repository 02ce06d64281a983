// npm run example:move
// An agent with an alarm set and a question asked moves from agentd to a Worker under workerd and back,
// while a client keeps sending to its first address. Nothing is lost, and nothing happens twice.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { moveAgent, remoteRuntime } from "@openagents/runtime/client";
import type { RemoteRuntime } from "@openagents/runtime/client";
// What a user does with "agentctl build cloudflare", wrangler and workerd.
import { startWorkerd } from "../../scripts/workerd.ts";
import { startAgentd } from "../agentd.ts";
import { inDataDirectory, until } from "../demo.ts";

interface State {
  readonly heard: readonly string[];
  readonly rang: number;
  readonly answers: readonly string[];
}

const say = (text: string): void => console.log(text);

await inDataDirectory(async (data) => {
  const agentd = await startAgentd(data, new URL("openagents.config.ts", import.meta.url));
  const entry = fileURLToPath(new URL("worker.ts", import.meta.url));
  await using worker = await startWorkerd({ entry });
  const token = readFileSync(join(data, "token"), "utf8").trim();
  const home = remoteRuntime({ url: agentd.url, token });
  const edge = remoteRuntime(worker);
  say(`agentd is at ${agentd.url}, a Worker at ${worker.url}`);

  const move = async (from: RemoteRuntime, to: RemoteRuntime, url: string): Promise<void> => {
    const start = performance.now();
    const { bytes } = await moveAgent({ from, to }, "ada", { url });
    say(`Moved to ${url}: ${bytes} bytes in ${Math.round(performance.now() - start)} ms`);
  };
  const stateOf = async (at: RemoteRuntime): Promise<State> =>
    (await at.state("ada")) as unknown as State;

  try {
    for (const [name, type] of [
      ["ada", "traveller"],
      ["friend", "friend"],
    ] as const) {
      await home.create({ name, type });
    }
    await home.send("ada", { payload: "wake 12s" });
    await home.send("ada", { payload: "ask is it far?", id: "question" });
    await until(async () => {
      const { parked, alarms } = await home.status("ada");
      return parked.length === 1 && alarms.length === 1 ? true : undefined;
    });
    say("Its alarm is set, and it waits for its friend's answer, which stays at home");

    const client = keepSending(home);
    await move(home, edge, worker.url);
    const { answers } = await until(async () => {
      const state = await stateOf(edge);
      return state.answers.length > 0 ? state : undefined;
    });
    say(`The answer came to the Worker: ${answers.join(", ")}`);
    await move(edge, home, agentd.url);
    const sent = await client.stop();
    const { heard, rang } = await until(async () => {
      const state = await stateOf(home);
      return state.rang > 0 && state.heard.length >= sent.length ? state : undefined;
    });

    const once = heard.join() === sent.join();
    say(
      `Sent ${sent.length} messages meanwhile: ${once ? "each was heard once, in order" : "WRONG"}`,
    );
    say(`Its alarm rang: ${rang}`);
    const verdict = await home.verify("ada");
    // What the Worker still has of the record is the beginning of what there is at home.
    const left = await edge.status("ada");
    const [last] = await home.log("ada", left.ticks - 1, 1);
    const intact = verdict.ok && last?.hash === left.head;
    say(
      `Its record of ${verdict.records} ticks over both homes is ${intact ? "intact" : "broken"}`,
    );
    process.exitCode = once && rang === 1 && intact ? 0 : 1;
  } finally {
    await agentd.kill();
  }
});

/** Sends one message after the other, always to the same address, and each until it is accepted. */
function keepSending(to: RemoteRuntime): { stop(): Promise<readonly string[]> } {
  const sent: string[] = [];
  const load = { over: false };
  const run = async (): Promise<void> => {
    for (let i = 0; !load.over; i += 1) {
      const text = `message-${i}`;
      // While the agent is between two homes it is busy; the id makes a second sending harmless.
      await until(() => to.send("ada", { payload: text, id: text }).catch(() => undefined));
      sent.push(text);
      await sleep(20);
    }
  };
  const running = run();
  return {
    async stop() {
      load.over = true;
      await running;
      return sent;
    },
  };
}
