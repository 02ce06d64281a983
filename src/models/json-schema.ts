import type { Json } from "../core/json.ts";
import type { JsonSchema } from "../core/ports/model.ts";

export type { JsonSchema } from "../core/ports/model.ts";

/** How deep a value is looked into. */
const DEEPEST = 50;
/** After so many problems nobody reads on. */
const MOST = 10;
/** Schemas that are looked at for one value: one that refers to itself may have no end. */
const MOST_CHECKS = 100_000;

/**
 * What is wrong with a value, a line for each problem; empty when it fits. It knows the words that schemas of
 * tools use: type, enum, const, properties, required, additionalProperties, items, prefixItems, minItems,
 * maxItems, minLength, maxLength, pattern, minimum, maximum, exclusiveMinimum, exclusiveMaximum, anyOf, oneOf,
 * allOf, and `$ref` into the schema itself. Other words are not looked at, and neither is what would take too long: a
 * schema may come from a server that nobody trusts.
 */
export function problemsOf(value: Json, schema: JsonSchema): readonly string[] {
  const problems: string[] = [];
  new Checker(schema, problems, { checks: MOST_CHECKS }).check(value, schema, {
    path: "",
    depth: 0,
  });
  return problems.slice(0, MOST);
}

interface Place {
  readonly path: string;
  readonly depth: number;
}

class Checker {
  readonly #root: JsonSchema;
  readonly #problems: string[];
  /** Shared by all that are made for one value. */
  readonly #left: { checks: number };

  constructor(root: JsonSchema, problems: string[], left: { checks: number }) {
    this.#root = root;
    this.#problems = problems;
    this.#left = left;
  }

  check(value: Json, given: unknown, place: Place): void {
    if (given === false) return this.#note(place, "must not be there");
    if (!isObject(given) || place.depth > DEEPEST || this.#problems.length > MOST) return;
    if ((this.#left.checks -= 1) < 0) return;
    const schema = this.#resolved(given);
    const { type, enum: values, const: only, allOf, anyOf, oneOf } = schema;
    const types = ([type].flat() as readonly unknown[]).filter((name) => typeof name === "string");
    if (types.length > 0 && !types.some((name) => isOf(value, name))) {
      return this.#note(place, `must be ${types.join(" or ")}`);
    }
    if (Array.isArray(values) && !values.some((one) => same(one, value))) {
      this.#note(place, `must be one of ${values.map((one) => JSON.stringify(one)).join(", ")}`);
    }
    if (only !== undefined && !same(only, value))
      this.#note(place, `must be ${JSON.stringify(only)}`);
    if (typeof value === "string") this.#text(value, schema, place);
    if (typeof value === "number") this.#number(value, schema, place);
    if (Array.isArray(value)) this.#list(value, schema, place);
    else if (isObject(value)) this.#object(value, schema, place);
    if (Array.isArray(allOf))
      for (const one of allOf) this.check(value, one, deeper(place, place.path));
    for (const some of [anyOf, oneOf]) {
      if (Array.isArray(some) && !some.some((one) => this.#fits(value, one, place))) {
        this.#note(place, "fits none of what it may be");
      }
    }
  }

  #fits(value: Json, schema: unknown, place: Place): boolean {
    const problems: string[] = [];
    new Checker(this.#root, problems, this.#left).check(value, schema, deeper(place, place.path));
    return problems.length === 0;
  }

  #text(value: string, { minLength, maxLength, pattern }: JsonSchema, place: Place): void {
    const length = Array.from(value).length;
    if (typeof minLength === "number" && length < minLength) {
      this.#note(place, `must have at least ${minLength} characters`);
    }
    if (typeof maxLength === "number" && length > maxLength) {
      this.#note(place, `must have at most ${maxLength} characters`);
    }
    if (typeof pattern === "string" && isQuick(pattern, value) && !patternOf(pattern).test(value)) {
      this.#note(place, `must match ${pattern}`);
    }
  }

  #number(value: number, schema: JsonSchema, place: Place): void {
    const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
    if (typeof minimum === "number" && value < minimum)
      this.#note(place, `must be at least ${minimum}`);
    if (typeof maximum === "number" && value > maximum)
      this.#note(place, `must be at most ${maximum}`);
    if (typeof exclusiveMinimum === "number" && value <= exclusiveMinimum) {
      this.#note(place, `must be above ${exclusiveMinimum}`);
    }
    if (typeof exclusiveMaximum === "number" && value >= exclusiveMaximum) {
      this.#note(place, `must be below ${exclusiveMaximum}`);
    }
  }

  #list(
    value: readonly Json[],
    { minItems, maxItems, items, prefixItems }: JsonSchema,
    place: Place,
  ): void {
    if (typeof minItems === "number" && value.length < minItems) {
      this.#note(place, `must have at least ${minItems} items`);
    }
    if (typeof maxItems === "number" && value.length > maxItems) {
      this.#note(place, `must have at most ${maxItems} items`);
    }
    const first: readonly unknown[] = Array.isArray(prefixItems) ? prefixItems : [];
    for (const [i, item] of value.entries()) {
      this.check(item, i < first.length ? first[i] : items, deeper(place, `${place.path}[${i}]`));
    }
  }

  #object(value: Readonly<Record<string, Json>>, schema: JsonSchema, place: Place): void {
    const properties = isObject(schema["properties"]) ? schema["properties"] : {};
    const { required, additionalProperties: more } = schema;
    const at = (name: string): Place =>
      deeper(place, place.path === "" ? name : `${place.path}.${name}`);
    for (const name of Array.isArray(required) ? (required as string[]) : []) {
      if (!Object.hasOwn(value, name)) this.#note(at(name), "is missing");
    }
    for (const [name, member] of Object.entries(value)) {
      if (Object.hasOwn(properties, name)) this.check(member, properties[name], at(name));
      else if (more === false) this.#note(at(name), "is not known");
      else this.check(member, more, at(name));
    }
  }

  /** What a `$ref` leads to within the schema. */
  #resolved(schema: JsonSchema): JsonSchema {
    let found = schema;
    for (let i = 0; i < DEEPEST && typeof found["$ref"] === "string"; i += 1) {
      let target: unknown = this.#root;
      for (const part of found["$ref"].split("/").slice(1)) {
        const name = decoded(part).replaceAll("~1", "/").replaceAll("~0", "~");
        target = isObject(target) && Object.hasOwn(target, name) ? target[name] : undefined;
      }
      if (!isObject(target)) return {};
      found = target;
    }
    return found;
  }

  #note({ path }: Place, problem: string): void {
    if (this.#problems.length > MOST) return;
    this.#problems.push(`${path === "" ? "it" : JSON.stringify(path)} ${problem}`);
  }
}

function deeper({ depth }: Place, path: string): Place {
  return { path, depth: depth + 1 };
}

function isOf(value: Json, type: unknown): boolean {
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  if (type === "integer") return Number.isInteger(value);
  if (type === "object") return isObject(value) && !Array.isArray(value);
  return typeof value === type;
}

function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/** A reference may have a "%" of its own. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Steps that a pattern may take. */
const MOST_STEPS = 1_000_000;

/**
 * Whether a pattern has an end within reason for a text. An engine that goes back tries each length of each thing that
 * may be repeated, and of one within another more than anybody waits for: those are not looked at.
 */
function isQuick(pattern: string, text: string): boolean {
  if (pattern.length > 1_000) return false;
  // What is escaped or in a class is one character.
  const plain = pattern.replaceAll(/\\./gs, "a").replaceAll(/\[[^\]]*\]/g, "a");
  const isNested = /\)(?:[*+?]|\{)/.test(plain) && /\([^)]*(?:[*+{|]|\w\?|\()/.test(plain);
  const repeated = plain.match(/[*+]|\{\d*,\d*\}/g)?.length ?? 0;
  const optional = plain.match(/\w\?/g)?.length ?? 0;
  if (isNested) return text.length <= 12 && repeated + optional <= 3 && !/\{\d\d/.test(plain);
  return Math.max(text.length, 1) ** Math.max(repeated, 1) * 2 ** optional <= MOST_STEPS;
}

/** A pattern that this engine does not know lets everything through. */
function patternOf(pattern: string): RegExp {
  try {
    return new RegExp(pattern, "u");
  } catch {
    return /^/;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
