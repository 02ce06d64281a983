// npm run example:team [-- --data DIR]
// A lead has two workers find something out. agentd is killed with SIGKILL while one of them is at it, and
// started again: there is one answer, and no call of a model or a tool that had ended is made again.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { env } from "node:process";
import type { TickRecord } from "@openagents/runtime";
import { remoteRuntime } from "@openagents/runtime/client";
import type { RemoteRuntime } from "@openagents/runtime/client";
import { scriptedServer } from "@openagents/runtime/models/scripted";
import { listen } from "@openagents/runtime/models/scripted-listener";
import { startAgentd } from "../agentd.ts";
import { inDataDirectory, until } from "../demo.ts";
import { openDesk } from "./desk.ts";
import { script } from "./script.ts";

const CONFIG = new URL("openagents.config.ts", import.meta.url);
const QUESTION = "Where shall we go, Lisbon or Oslo?";
const say = (text: string): void => console.log(text);

await inDataDirectory(async (data) => {
  const inTheMiddle = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  let ofOslo = 0;
  await using desk = await openDesk(async (what) => {
    say(`  the desk is asked: ${what}`);
    if (!what.endsWith("/oslo")) return;
    ofOslo += 1;
    if (ofOslo < 2) return;
    inTheMiddle.resolve();
    await goOn.promise;
  });
  env["DESK_URL"] = desk.url;
  // In this process, which outlives agentd, so that it knows what it was asked.
  const model = scriptedServer(script);
  await using listening = await listen(model);
  if (!env["OPENAI_BASE_URL"] && !env["OPENAI_API_KEY"]) env["OPENAI_BASE_URL"] = listening.url;

  let agentd = await startAgentd(data, CONFIG);
  const token = readFileSync(join(data, "token"), "utf8").trim();
  const connect = (): RemoteRuntime => remoteRuntime({ url: agentd.url, token });
  try {
    const since = Date.now();
    const id = `question-${since}`;
    say(`you:  ${QUESTION}`);
    await connect().send("lead", { id, payload: QUESTION });
    await inTheMiddle.promise;
    // The other worker is to have answered, so that there is something that must not be done again.
    await until(async () => {
      const { items } = await connect().list({ parent: "lead" });
      const reports = await Promise.all(items.map((child) => connect().status(child.id)));
      const done = reports.filter(
        ({ lastTick }) => lastTick?.trigger.type === "message" && lastTick.at >= since,
      );
      return done.length === items.length - 1 ? true : undefined;
    });
    await agentd.kill();
    say("The worker for Oslo waits for the desk: killed agentd with SIGKILL");
    goOn.resolve();

    agentd = await startAgentd(data, CONFIG);
    say("Started it again");
    const { replies } = await connect().ask("lead", { id, payload: QUESTION }, { timeout: 60_000 });
    say(`lead: ${replies.map(String).join("\n")}`);

    say("On record (* had ended before the kill, and was not done again):");
    const { items } = await connect().list({ parent: "lead" });
    for (const name of ["lead", ...items.map((child) => child.name)]) {
      say(`  ${name}: ${await stepsOf(connect(), name, since)}`);
    }
    const calls = [...desk.answered.values()];
    const once = calls.every(({ times }) => times === 1);
    say(`The desk answered ${calls.length} calls, each ${once ? "once" : "not once"}`);
    if (model.requests.length > 0) say(`The model was asked ${model.requests.length} times`);
    process.exitCode = once && replies.length === 1 ? 0 : 1;
  } finally {
    await agentd.kill();
  }
});

/**
 * The steps that an agent did after `since`, in order, by its record. What was done before the kill is there as
 * replayed from the journal, and marked; what is done again would be here twice.
 */
async function stepsOf(runtime: RemoteRuntime, name: string, since: number): Promise<string> {
  const rows = await runtime.log(name, 0, 1000);
  const records = rows.map(({ record }) => JSON.parse(record) as TickRecord);
  const steps = records.filter(({ at }) => at >= since).flatMap((record) => record.steps ?? []);
  const done = steps.filter(({ replayed }) => replayed !== true).map(({ key }) => key);
  const shown = steps
    .filter(({ key, replayed }) => replayed !== true || !done.includes(key))
    .map(({ key, replayed }) => `${key.replace(/^step:(tool:)?/, "")}${replayed ? "*" : ""}`);
  return shown.join(", ");
}
