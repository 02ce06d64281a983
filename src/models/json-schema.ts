import type { Json } from "../core/json.ts";
import type { JsonSchema } from "../core/ports/model.ts";
import { patternCost } from "./pattern-cost.ts";

export type { JsonSchema } from "../core/ports/model.ts";

/** How deep a value is looked into. */
const DEEPEST = 50;
/** After so many problems nobody reads on. */
const MOST = 10;
/** Schemas that are looked at for one value: one that refers to itself may have no end. */
const MOST_CHECKS = 100_000;
/** Steps that all patterns may take for one value. */
const MOST_STEPS = 10_000_000;
/** Characters of a pattern, of a text that one is looked for in, and of a reference. */
const LONGEST = { pattern: 1_000, text: 10_000, reference: 1_000 } as const;
/** Of what a value may be, so many are told, of so many characters. */
const TOLD = { items: 20, length: 100 } as const;

export interface SchemaRules {
  /** False: patterns are not looked for at all, as whoever wrote them may mean harm. */
  readonly patterns?: boolean;
}

/**
 * What is wrong with a value, a line for each problem; empty when it fits. It knows the words that schemas of
 * tools use: type, enum, const, properties, required, additionalProperties, items, prefixItems, minItems,
 * maxItems, minLength, maxLength, pattern, minimum, maximum, exclusiveMinimum, exclusiveMaximum, anyOf, oneOf,
 * allOf, and `$ref` into the schema itself. Other words are not looked at, and neither is what would take too long: a
 * schema may come from a server that nobody trusts.
 */
export function problemsOf(
  value: Json,
  schema: JsonSchema,
  { patterns = true }: SchemaRules = {},
): readonly string[] {
  const problems: string[] = [];
  const left = { checks: MOST_CHECKS, steps: patterns ? MOST_STEPS : 0 };
  new Checker(schema, problems, left).check(value, schema, {
    path: "",
    depth: 0,
  });
  return problems.slice(0, MOST);
}

interface Place {
  readonly path: string;
  readonly depth: number;
}

/** What may still be done for a value. */
interface Left {
  checks: number;
  steps: number;
}

class Checker {
  readonly #root: JsonSchema;
  readonly #problems: string[];
  /** Shared by all that are made for one value. */
  readonly #left: Left;

  constructor(root: JsonSchema, problems: string[], left: Left) {
    this.#root = root;
    this.#problems = problems;
    this.#left = left;
  }

  check(value: Json, given: unknown, place: Place): void {
    if (given === false) return this.#note(place, "must not be there");
    if (!isObject(given) || place.depth > DEEPEST || this.#problems.length > MOST) return;
    if (!this.#spend(1)) return;
    const schema = this.#resolved(given);
    const { type, enum: values, const: only, allOf, anyOf, oneOf } = schema;
    if (!this.#spend(sizeOf(type) + sizeOf(values) + sizeOf(schema["required"]))) return;
    const types = ([type].flat() as readonly unknown[]).filter((name) => typeof name === "string");
    if (types.length > 0 && !types.some((name) => isOf(value, name))) {
      return this.#note(place, `must be ${types.join(" or ")}`);
    }
    if (Array.isArray(values) && !values.some((one) => this.#same(one, value))) {
      this.#note(place, `must be one of ${shown(values)}`);
    }
    if (only !== undefined && !this.#same(only, value))
      this.#note(place, `must be ${shown([only])}`);
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

  /** Also true when it would take too long to tell. */
  #same(a: unknown, b: unknown): boolean {
    if (!this.#spend(1) || a === b) return true;
    if (!isObject(a) || !isObject(b) || Array.isArray(a) !== Array.isArray(b)) return false;
    const names = Object.keys(a);
    if (names.length !== Object.keys(b).length) return false;
    return names.every((name) => Object.hasOwn(b, name) && this.#same(a[name], b[name]));
  }

  #fits(value: Json, schema: unknown, place: Place): boolean {
    const problems: string[] = [];
    new Checker(this.#root, problems, this.#left).check(value, schema, deeper(place, place.path));
    return problems.length === 0;
  }

  #text(value: string, { minLength, maxLength, pattern }: JsonSchema, place: Place): void {
    const isCounted = typeof minLength === "number" || typeof maxLength === "number";
    const length = isCounted ? Array.from(value).length : 0;
    if (typeof minLength === "number" && length < minLength) {
      this.#note(place, `must have at least ${minLength} characters`);
    }
    if (typeof maxLength === "number" && length > maxLength) {
      this.#note(place, `must have at most ${maxLength} characters`);
    }
    if (typeof pattern === "string" && !this.#matches(pattern, value)) {
      this.#note(place, `must match ${pattern}`);
    }
  }

  /** Also true when it would take too long to tell. */
  #matches(pattern: string, text: string): boolean {
    if (pattern.length > LONGEST.pattern || text.length > LONGEST.text) return true;
    if (this.#left.steps < pattern.length) return true;
    const cost = pattern.length + patternCost(pattern, text.length);
    if (!(cost <= this.#left.steps)) return true;
    this.#left.steps -= cost;
    return patternOf(pattern).test(text);
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
      if (found["$ref"].length > LONGEST.reference) return {};
      const parts = found["$ref"].split("/").slice(1);
      if (!this.#spend(parts.length)) return {};
      for (const part of parts) {
        const name = decoded(part).replaceAll("~1", "/").replaceAll("~0", "~");
        target = isObject(target) && Object.hasOwn(target, name) ? target[name] : undefined;
      }
      if (!isObject(target)) return {};
      found = target;
    }
    return found;
  }

  /** False when no more is to be looked at. */
  #spend(checks: number): boolean {
    this.#left.checks -= checks;
    return this.#left.checks >= 0;
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

function sizeOf(list: unknown): number {
  return Array.isArray(list) ? list.length : 0;
}

function shown(values: readonly unknown[]): string {
  const some = values
    .slice(0, TOLD.items)
    .map((one) => JSON.stringify(one).slice(0, TOLD.length).toWellFormed());
  return some.concat(values.length > some.length ? ["…"] : []).join(", ");
}

/** A reference may have a "%" of its own. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
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
