import type { Context } from "../core/context.ts";
import { GOAL_STATUS } from "../core/ports/memory.ts";
import type { GoalChange, NewGoal } from "../core/ports/memory.ts";
import type { Tool, Tools } from "../core/ports/model.ts";

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

function memoryTool<Input>(
  description: string,
  properties: object,
  {
    required = [],
    readOnly = false,
    perform,
  }: {
    readonly required?: readonly string[];
    readonly readOnly?: boolean;
    readonly perform: (input: Input, ctx: Context) => unknown;
  },
): Tool {
  return {
    description,
    readOnly,
    category: "memory",
    risk: "low",
    parameters: { type: "object", properties, required, additionalProperties: false },
    perform,
  };
}

const REMEMBER = memoryTool<{ text: string; confidence?: number }>(
  "Remembers something that was learned, for conversations to come",
  {
    text: { type: "string", minLength: 1, maxLength: 2000 },
    confidence: { type: "number", minimum: 0.05, maximum: 1, description: "How sure. Default 0.8" },
  },
  {
    required: ["text"],
    perform: async ({ text, confidence = 0.8 }, ctx) => {
      const source = `told by ${ctx.trigger.from}`.slice(0, 500).toWellFormed();
      const { id } = await ctx.memory.patterns.learn({ text, confidence, source });
      return { id };
    },
  },
);

const FORGET = memoryTool<{ id: string }>(
  "Forgets something that was learned and is wrong",
  { id: { type: "string", description: "Its id, as recall gives it" } },
  { required: ["id"], perform: ({ id }, ctx) => ctx.memory.patterns.forget(id) },
);

const RECALL = memoryTool<{ words: string }>(
  "Looks for all of some words in what was said, learned, planned and noted",
  { words: { type: "string", description: 'One that ends in "*" stands for all that begin so' } },
  {
    required: ["words"],
    readOnly: true,
    perform: async ({ words }, ctx) => {
      const hits = await ctx.memory.search(words, { limit: 20 });
      return hits.map(({ in: area, id, n, text }) => ({
        in: area,
        id,
        ...(n !== undefined && { n }),
        text,
      }));
    },
  },
);

const LIST_GOALS = memoryTool<{ after?: string }>(
  `Lists goals in order of id, ${GOALS} at a time`,
  { after: { type: "string", description: "Id of the last one of the list before" } },
  {
    readOnly: true,
    perform: async ({ after }, ctx) => {
      const goals = await ctx.goals.list({ limit: GOALS, ...(after !== undefined && { after }) });
      return goals.map(({ createdAt: _made, updatedAt: _changed, ...goal }) => goal);
    },
  },
);

const ADD_GOAL = memoryTool<NewGoal>("Adds a goal", GOAL, {
  required: ["title"],
  perform: async (goal, ctx) => {
    const { id } = await ctx.goals.add(goal);
    return { id };
  },
});

const UPDATE_GOAL = memoryTool<GoalChange & { id: string }>(
  "Changes a goal: what is not given stays",
  {
    id: ID,
    ...GOAL,
    status: { enum: GOAL_STATUS },
    progress: { type: "number", minimum: 0, maximum: 1 },
    result: { type: "string", description: "What came of it" },
  },
  {
    required: ["id"],
    perform: async ({ id, ...change }, ctx) => {
      await ctx.goals.update(id, change);
    },
  },
);
