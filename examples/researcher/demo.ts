// npm run example:researcher [-- --data DIR]
// A question is answered in several ticks, by a plan that is kept in goals; the report cites what was read.
import { execFile } from "node:child_process";
import { env, execPath } from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startLocal } from "@openagents/runtime/backends/local";
import { ask, inDataDirectory, until } from "../demo.ts";
import { openLibrary } from "./library.ts";

const QUESTION = "How did lighthouses get from fires to lenses and electric light?";
const AGENTCTL = fileURLToPath(new URL("../../bin/agentctl.js", import.meta.url));
const say = (text: string): void => console.log(text);

await inDataDirectory(async (data) => {
  await using library = await openLibrary();
  env["LIBRARY_URL"] = library.url;
  const { default: definition } = await import("./openagents.config.ts");
  const home = await startLocal({ definition, data, port: 0, env });
  const { runtime } = home;
  const agentctl = async (...args: string[]): Promise<void> => {
    say(`$ agentctl ${args.join(" ")}`);
    const connection = { OPENAGENTS_URL: home.url, OPENAGENTS_TOKEN: home.token };
    const options = { env: { ...env, ...connection } };
    say((await promisify(execFile)(execPath, [AGENTCTL, ...args], options)).stdout);
  };
  try {
    say(`you:        ${QUESTION}`);
    say(`researcher: ${await ask(runtime, "researcher", QUESTION)}`);
    await agentctl("goals", "researcher");

    const told = new Set<string>();
    const report = await until(async () => {
      const goals = await runtime.goals("researcher", "", 1000);
      const questions = goals.filter(({ parent }) => parent === undefined);
      const question = questions.toSorted((a, b) => a.createdAt - b.createdAt).at(-1);
      if (question === undefined) throw new Error("There is no plan");
      for (const { id, parent, status, result } of goals) {
        if (parent !== question.id || status === "open" || told.has(id)) continue;
        told.add(id);
        say(`${id} is ${status}: ${result}`);
      }
      return question.status === "open" ? undefined : question.result;
    });
    say("");
    await agentctl("goals", "researcher");
    await agentctl("fs", "cat", `researcher:${report.slice(1)}`);
    const { ticks } = await runtime.status("researcher");
    say(`That took ${ticks} ticks, in which ${library.served.length} pages were fetched`);
  } finally {
    await home.stop();
  }
});
