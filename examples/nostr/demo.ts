// npm run example:nostr [-- --data DIR]
// Two homes that share nothing but a relay: alice at one asks bob at the other to do something. Her home
// is killed with SIGKILL before he answers, and started again. She gets one answer, and the relay has
// stored nothing that anybody else could read.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { remoteRuntime } from "@openagents/runtime/client";
import type { RemoteRuntime } from "@openagents/runtime/client";
// Any relay will do; this one is not ours, and runs on this machine.
import { startRelay } from "../../scripts/relay.ts";
import { startAgentd } from "../agentd.ts";
import type { Agentd } from "../agentd.ts";
import { inDataDirectory, until } from "../demo.ts";

interface Home {
  readonly agentd: Agentd;
  readonly runtime: RemoteRuntime;
}

const TASK = "count these four words";
const CONFIG = new URL("openagents.config.ts", import.meta.url);
const say = (text: string): void => console.log(text);

await inDataDirectory(async (data) => {
  await using relay = await startRelay();
  const start = async (name: string): Promise<Home> => {
    const dir = join(data, name);
    mkdirSync(dir, { recursive: true });
    const agentd = await startAgentd(dir, CONFIG, ["--relay", relay.url]);
    const token = readFileSync(join(dir, "token"), "utf8").trim();
    return { agentd, runtime: remoteRuntime({ url: agentd.url, token }) };
  };
  let one = await start("one");
  const two = await start("two");
  try {
    await one.runtime.create({ name: "alice", type: "client" });
    const bob = await two.runtime.create({ name: "bob", type: "worker" });
    say(`alice lives at ${one.agentd.url}, bob at ${two.agentd.url}, the relay is ${relay.url}`);
    await one.runtime.send("alice", { id: "order", payload: { to: bob.id, task: TASK } });
    await until(async () => {
      const { parked } = await two.runtime.status("bob");
      return parked.length === 1 ? true : undefined;
    });
    await one.agentd.kill();
    say("bob has the request: killed alice's agentd with SIGKILL");
    await until(async () => {
      const { done } = (await two.runtime.state("bob")) as { done?: number };
      return done === 1 ? true : undefined;
    });
    say("bob has answered, to a relay");

    one = await start("one");
    say("Started alice's agentd again");
    const answers = await until(async () => {
      const state = (await one.runtime.state("alice")) as { answers?: string[] };
      return state.answers?.length ? state.answers : undefined;
    });
    say(`alice's answer: ${answers.join(", ")}`);
    // What else there may be comes before the answer to a second question.
    await one.runtime.send("alice", { id: "again", payload: { to: bob.id, task: "one" } });
    const all = await until(async () => {
      const state = (await one.runtime.state("alice")) as { answers: string[] };
      return state.answers.length > 1 ? state.answers : undefined;
    });
    const count = all.filter((answer) => answer === answers[0]).length;
    say(`Answers to this request: ${count}`);
    const stored = relay.stored();
    const words = ["alice", "bob", TASK, answers[0]!, "task_"];
    const shown = words.filter((word) => stored.includes(word));
    say(`The relay stored ${stored.length} bytes; names and texts in them: ${shown.length}`);
    process.exitCode = count === 1 && shown.length === 0 ? 0 : 1;
  } finally {
    await one.agentd.kill();
    await two.agentd.kill();
  }
});
