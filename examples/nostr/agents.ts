import { agentMessageOf, agentMessages, defineAgent } from "@openagents/runtime";
import type { TaskComplete, TaskRequest } from "@openagents/runtime";

/** Has somebody else do what it is told, wherever that one lives. */
export const client = defineAgent({
  name: "client",
  state: { answers: [] as string[] },

  async onMessage(ctx, message) {
    const { to, task } = message.payload as { to: string; task: string };
    const request: TaskRequest = { type: "task_request", task: message.id, description: task };
    // Parks the tick. The request goes to a relay in a gift wrap, and so does the answer.
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
    const { task, description } = asked;
    await ctx.sleep("2s");
    ctx.state.done += 1;
    const result = `${description.split(" ").length} words`;
    const answer: TaskComplete = { type: "task_complete", task, ok: true, result };
    await ctx.reply({ ...answer });
  },
});
