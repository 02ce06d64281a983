import { GOAL_STATUS } from "../core/ports/memory.ts";
import type { GoalChange, NewGoal } from "../core/ports/memory.ts";
import type { JsonSchema, Tool, Tools } from "../core/ports/model.ts";

/** Goals that are told at once. */
const GOALS = 100;

const ID = { type: "string", description: "Id of the goal" };
const GOAL = {
  title: { type: "string", description: "What is to be brought about, in a line" },
  note: { type: "string" },
  priority: {
    type: "integer",
    minimum: -100,
    maximum: 100,
    description: "The higher the more urgent",
  },
  parent: { type: "string", description: "Id of the goal that it is a part of" },
};

/**
 * Tools with which a model works on its agent's memory: `remember` and `forget` for what it learns, `recall` for all
 * that it ever wrote or was told, `list_goals`, `add_goal` and `update_goal` for its plans. They are of the tick
 * (`perform`), so what they change changes with its commit.
 */
export function memoryTools(): Tools {
  return {
    remember: REMEMBER,
    forget: FORGET,
    recall: RECALL,
    list_goals: LIST_GOALS,
    add_goal: ADD_GOAL,
    update_goal: UPDATE_GOAL,
  };
}

/** What all of them say of themselves. */
const KIND = { category: "memory", risk: "low" } as const;

function object(properties: object, required: readonly string[] = []): JsonSchema {
  return { type: "object", properties, required, additionalProperties: false };
}

const REMEMBER: Tool = {
  ...KIND,
  description: "Remembers something that was learned, for conversations to come",
  parameters: object(
    {
      text: { type: "string", minLength: 1, maxLength: 2000 },
      confidence: { type: "number", minimum: 0.05, maximum: 1, description: "Default 0.8" },
    },
    ["text"],
  ),
  async perform({ text, confidence = 0.8 }: { text: string; confidence?: number }, ctx) {
    const source = `told by ${ctx.trigger.from}`.slice(0, 500).toWellFormed();
    const { id } = await ctx.memory.patterns.learn({ text, confidence, source });
    return { id };
  },
};

const FORGET: Tool = {
  ...KIND,
  description: "Forgets something that was learned and is wrong",
  parameters: object({ id: { type: "string", description: "Its id, as recall gives it" } }, ["id"]),
  perform: ({ id }: { id: string }, ctx) => ctx.memory.patterns.forget(id),
};

const RECALL: Tool = {
  ...KIND,
  readOnly: true,
  description: "Looks for all of some words in what was said, learned, planned and noted",
  parameters: object(
    { words: { type: "string", description: 'One that ends in "*" stands for all that begin so' } },
    ["words"],
  ),
  async perform({ words }: { words: string }, ctx) {
    const hits = await ctx.memory.search(words, { limit: 20 });
    return hits.map(({ in: area, id, n, text }) => ({
      in: area,
      id,
      ...(n !== undefined && { n }),
      text,
    }));
  },
};

const LIST_GOALS: Tool = {
  ...KIND,
  readOnly: true,
  description: `Lists goals in order of id, ${GOALS} at a time`,
  parameters: object({
    after: { type: "string", description: "Id of the last one of the list before" },
  }),
  async perform({ after }: { after?: string }, ctx) {
    const goals = await ctx.goals.list({ limit: GOALS, ...(after !== undefined && { after }) });
    return goals.map(({ createdAt: _made, updatedAt: _changed, ...goal }) => goal);
  },
};

const ADD_GOAL: Tool = {
  ...KIND,
  description: "Adds a goal",
  parameters: object(GOAL, ["title"]),
  async perform(goal: NewGoal, ctx) {
    const { id } = await ctx.goals.add(goal);
    return { id };
  },
};

const UPDATE_GOAL: Tool = {
  ...KIND,
  description: "Changes a goal: what is not given stays",
  parameters: object(
    {
      id: ID,
      ...GOAL,
      status: { enum: GOAL_STATUS },
      progress: { type: "number", minimum: 0, maximum: 1 },
      result: { type: "string", description: "What came of it" },
    },
    ["id"],
  ),
  async perform({ id, ...change }: GoalChange & { id: string }, ctx) {
    await ctx.goals.update(id, change);
  },
};
