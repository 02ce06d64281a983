import { jsonpath } from "json-p3";
import type { JSONPathQuery } from "json-p3";
import { OpenAgentsError } from "../../core/errors.ts";
import type { Json } from "../../core/json.ts";
import { descends, find, wayTo } from "./find.ts";
import type { Found, Step } from "./find.ts";
import { PLUMBER_LIMITS } from "./limits.ts";
import type { Work } from "./work.ts";

export type { Step } from "./find.ts";

/** A JSON path (RFC 9535), ready for use. */
export interface JsonPath {
  readonly text: string;
  /** The way, when it is one that leads to one value at most: names and indexes alone. */
  readonly steps: readonly Step[] | undefined;
  /** What it finds, in order. @throws LIMIT for a payload that is more than it can look through */
  values(payload: Json, work: Work): readonly Json[];
  /** The ways to what it finds. @throws LIMIT as `values` does */
  places(payload: Json, work: Work): readonly (readonly Step[])[];
}

/** What is wrong with a path, and at which character. */
export interface PathProblem {
  readonly problem: string;
  readonly index: number;
}

/**
 * Payloads come from strangers, so what costs more than a few looks at each value of a payload is not
 * part of a path here: regular expressions, `..` twice or in a filter, filters that begin anew at `$`.
 */
function environment(): jsonpath.JSONPathEnvironment {
  const made = new jsonpath.JSONPathEnvironment({ maxRecursionDepth: PLUMBER_LIMITS.depth + 2 });
  made.functionRegister.delete("match");
  made.functionRegister.delete("search");
  return made;
}

const ENVIRONMENT = environment();

/** Compiles a path; or says what is wrong. Never throws. */
export function compilePath(text: string): JsonPath | PathProblem {
  if (text.length > PLUMBER_LIMITS.path) {
    return { problem: `it is longer than ${PLUMBER_LIMITS.path} characters`, index: 0 };
  }
  if (!text.startsWith("$")) return { problem: 'it must begin with "$"', index: 0 };
  let query: JSONPathQuery;
  try {
    query = ENVIRONMENT.compile(text);
  } catch (error) {
    return parseProblem(error);
  }
  const problem = costProblem(query);
  if (problem !== undefined) return problem;
  const steps = stepsOf(query);
  if (steps === undefined) return new QueryPath(text, query);
  return {
    text,
    steps,
    values(payload) {
      const value = follow(payload, steps);
      return value === undefined ? [] : [value];
    },
    places: (payload) => (follow(payload, steps) === undefined ? [] : [forward(payload, steps)]),
  };
}

/** The value at the end of a way; undefined when there is none. Looks at own members only. */
export function follow(payload: Json, steps: readonly Step[]): Json | undefined {
  let value: Json | undefined = payload;
  for (const step of steps) {
    if (typeof value !== "object" || value === null) return undefined;
    if (Array.isArray(value)) {
      if (typeof step !== "number") return undefined;
      value = value.at(step);
    } else {
      if (typeof step === "number" || !Object.hasOwn(value, step)) return undefined;
      value = value[step];
    }
    if (value === undefined) return undefined;
  }
  return value;
}

/** The same way with indexes from the end counted from the start. */
function forward(payload: Json, steps: readonly Step[]): readonly Step[] {
  return steps.map((step, i) => {
    if (typeof step !== "number" || step >= 0) return step;
    return (follow(payload, steps.slice(0, i)) as Json[]).length + step;
  });
}

class QueryPath implements JsonPath {
  readonly text: string;
  readonly steps = undefined;
  readonly #query: JSONPathQuery;

  constructor(text: string, query: JSONPathQuery) {
    this.text = text;
    this.#query = query;
  }

  values(payload: Json, work: Work): readonly Json[] {
    return this.#find(payload, work).map(({ value }) => value);
  }

  places(payload: Json, work: Work): readonly (readonly Step[])[] {
    return this.#find(payload, work).map((found) => {
      const way = wayTo(found);
      work.spend(way.length);
      return way;
    });
  }

  #find(payload: Json, work: Work): readonly Found[] {
    try {
      return find(this.#query, payload, work);
    } catch (error) {
      if (error instanceof OpenAgentsError) throw error;
      // What the evaluator throws once a path is compiled is its stack, or the depth it may go to.
      throw new OpenAgentsError(
        "LIMIT",
        `Cannot route envelope: its payload is too large or too deep for the path "${this.text}"`,
        { cause: error },
      );
    }
  }
}

function stepsOf(query: JSONPathQuery): readonly Step[] | undefined {
  if (!query.singularQuery()) return undefined;
  return query.segments.map(({ selectors: [selector] }) =>
    selector instanceof jsonpath.selectors.NameSelector
      ? selector.name
      : (selector as jsonpath.selectors.IndexSelector).index,
  );
}

function parseProblem(error: unknown): PathProblem {
  if (error instanceof jsonpath.JSONPathError) {
    const { message, token } = error;
    const named = /no such function '(match|search)'/.test(message);
    return {
      problem: named
        ? "regular expressions are not taken: test the value with a glob"
        : message.replace(/ \([^]*\)$/, ""),
      index: Math.max(0, token.index),
    };
  }
  return { problem: "it cannot be read", index: 0 };
}

/** Why a path could cost more than a few looks at each value, if it could. */
function costProblem(query: JSONPathQuery): PathProblem | undefined {
  let descents = 0;
  let found: PathProblem | undefined;
  const visit = ({ segments }: JSONPathQuery, inFilter: boolean): void => {
    let width = 1;
    for (const segment of segments) {
      const { index } = segment.token;
      width *= segment.selectors.length;
      if (width > PLUMBER_LIMITS.selectors)
        found ??= { problem: "it has too many selectors", index };
      if (descends(segment)) descents += 1;
      if (descends(segment) && (inFilter || descents > 1)) {
        found ??= { problem: 'it has ".." more than once, or in a filter', index };
      }
      for (const selector of segment.selectors) {
        if (selector instanceof jsonpath.selectors.FilterSelector) filter(selector.expression);
      }
    }
  };
  const filter = (expression: jsonpath.expressions.FilterExpression): void => {
    if (expression instanceof jsonpath.expressions.RootQuery) {
      const { index } = expression.token;
      found ??= { problem: 'a filter must begin with "@" and not anew at "$"', index };
    } else if (expression instanceof jsonpath.expressions.RelativeQuery) {
      visit(expression.path, true);
    } else if (expression instanceof jsonpath.expressions.LogicalExpression) {
      filter(expression.expression);
    } else if (expression instanceof jsonpath.expressions.InfixExpression) {
      filter(expression.left);
      filter(expression.right);
    } else if (expression instanceof jsonpath.expressions.PrefixExpression) {
      filter(expression.right);
    } else if (expression instanceof jsonpath.expressions.FunctionExtension) {
      expression.args.forEach(filter);
    }
  };
  visit(query, false);
  return found;
}
