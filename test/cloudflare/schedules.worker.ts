import { cloudflare } from "../../src/backends/cloudflare.ts";
import { defineAgent } from "../../src/core/definition.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";

const listener = defineAgent({
  name: "listener",
  state: { heard: [] as string[] },
  onAlarm(ctx, alarm) {
    ctx.state.heard.push(`${alarm.alarmId} ${alarm.headers["schedule-due"]} ${alarm.text}`);
  },
});

export const { AgentObject, DirectoryObject, HomeObject, handler } = cloudflare(
  defineRuntime({ agents: [listener], ensure: [{ name: "ada", type: "listener" }] }),
);
export default handler;
