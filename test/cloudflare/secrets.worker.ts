import { cloudflare } from "../../src/backends/cloudflare.ts";
import { defineAgent, defineRuntime } from "../../src/index.ts";
import { scriptedServer } from "../../src/models/scripted.ts";

const server = scriptedServer(() => "It is done");

const agent = defineAgent({
  name: "thinker",
  retry: { retries: 0, quarantineAfter: 100 },
  model: {
    model: "openai-compatible/any",
    baseURL: "http://model.test/v1",
    apiKey: { secret: "MODEL_KEY" },
    async fetch(input, init) {
      const request = new Request(input, init);
      const given = request.headers.get("authorization");
      if (given === "Bearer the good key") return server(request);
      return Response.json({ error: { message: `It is not ${given}` } }, { status: 401 });
    },
  },
});

const definition = defineRuntime({ agents: [agent], ensure: [{ name: "t", type: "thinker" }] });

export const { AgentObject, DirectoryObject, HomeObject, handler } = cloudflare(definition);
export default handler;
