// npm run example:pair [-- --data DIR]
// Orders something over HTTP, kills agentd while the buyer waits for the seller, and starts it again.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { inDataDirectory, until } from "../demo.ts";
import { startAgentd } from "../agentd.ts";

interface Status {
  readonly parked: readonly string[];
}
interface Answer {
  readonly outcome: string;
  readonly replies: readonly string[];
}
interface Ticks {
  readonly items: readonly { readonly output?: { readonly replies?: readonly Reply[] } }[];
}
interface Reply {
  readonly replyTo: string;
}

await inDataDirectory(async (data) => {
  const id = `order-${Date.now()}`;
  let agentd = await startAgentd(data);
  const token = readFileSync(join(data, "token"), "utf8").trim();
  const call = async <T>(path: string, body?: object): Promise<T> => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const sent = body && { method: "POST", body: JSON.stringify(body) };
    const response = await fetch(`${agentd.url}/agents/${path}`, { headers, ...sent });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  };
  try {
    await call("buyer/send", { id, text: "a lamp" });
    console.log(`Ordered a lamp: ${id}`);
    await until(async () => {
      const { parked } = await call<Status>("buyer/status");
      return parked.includes(id) ? parked : undefined;
    });
    await agentd.kill();
    console.log("The buyer waits for the seller: killed agentd with SIGKILL");

    agentd = await startAgentd(data);
    console.log("Started it again");
    // The same id once more: not a second order, but the answer to the first one.
    const { replies } = await call<Answer>("buyer/send?wait=60000", { id, text: "a lamp" });
    console.log(`The answer: ${replies.join(", ")}`);
    const { items } = await call<Ticks>("buyer/ticks?limit=1000");
    const given = items.flatMap(({ output }) => output?.replies ?? []);
    const count = given.filter(({ replyTo }) => replyTo === id).length;
    console.log(`Answers to this order on record: ${count}`);
    process.exitCode = count === 1 ? 0 : 1;
  } finally {
    await agentd.kill();
  }
});
