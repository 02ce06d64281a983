// npm run example:assistant [-- --fresh] [--serve] [--port PORT] [--data DIR]
// A chat in a terminal. What the assistant remembers is there again the next time, until --fresh.
import { once } from "node:events";
import { parseArgs } from "node:util";
import { startLocal } from "@openagents/runtime/backends/local";
import { chat } from "./chat.ts";
import definition from "./openagents.config.ts";

const { values } = parseArgs({
  options: {
    data: { type: "string", default: ".openagents-assistant" },
    fresh: { type: "boolean", default: false },
    serve: { type: "boolean", default: false },
    port: { type: "string", default: "0" },
  },
});

const home = await startLocal({
  definition,
  data: values.data,
  port: Number(values.port),
  env: process.env,
});
try {
  if (values.fresh) {
    await home.runtime.purge("assistant");
    await home.runtime.create({ name: "assistant", type: "assistant" });
  }
  if (values.serve) {
    const { url, token } = home;
    console.log(`The assistant is at ${url}/agents/assistant, its token is ${token}`);
    console.log(
      `OPENAGENTS_URL=${url} OPENAGENTS_TOKEN=${token} npx node examples/assistant/chat.ts`,
    );
    await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
  } else {
    await chat(home.url, home.token);
  }
} finally {
  // What was not finished goes on the next time.
  await home.stop(1_000);
}
