import { agentMessageOf, agentMessages } from "../../src/core/agent-message.ts";
import type { TaskComplete, TaskRequest } from "../../src/core/agent-message.ts";
import { defineAgent } from "../../src/core/definition.ts";

/** Says back what it is told, and counts. */
export const echo = defineAgent({
  name: "echo",
  profile: { about: "Says back what it is told" },
  state: { heard: [] as string[] },
  async onMessage(ctx, message) {
    ctx.state.heard.push(message.text);
    if (message.from === "operator") {
      await ctx.publish({ kind: 1, content: message.text, tags: [] });
    } else await ctx.reply(`${message.text}, you say`);
  },
});

/** Has somebody else do what it is told, wherever that one lives. */
export const client = defineAgent({
  name: "client",
  state: { answers: [] as string[] },
  async onMessage(ctx, message) {
    const { to, task } = message.payload as { to: string; task: string };
    const request: TaskRequest = { type: "task_request", task: message.id, description: task };
    const answer = await ctx.request(to, { ...request }, { timeout: "1h" });
    const { ok, result } = answer as unknown as TaskComplete;
    ctx.state.answers.push(ok ? (result as string) : "not done");
  },
});

/** Does what it is asked, after a while. */
export const worker = defineAgent({
  name: "worker",
  messageSchema: agentMessages,
  state: { done: 0 },
  async onMessage(ctx, message) {
    const asked = agentMessageOf(message.payload);
    if (asked?.type !== "task_request") return;
    await ctx.sleep("1s");
    ctx.state.done += 1;
    const result = `${asked.description}: done`;
    const answer: TaskComplete = { type: "task_complete", task: asked.task, ok: true, result };
    await ctx.reply({ ...answer });
  },
});
