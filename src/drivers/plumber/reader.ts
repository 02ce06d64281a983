import { compileGlob } from "./glob.ts";
import type { CompiledGlob } from "./glob.ts";
import { compilePath } from "./json-path.ts";
import type { JsonPath } from "./json-path.ts";
import { PLUMBER_LIMITS } from "./limits.ts";
import type { Located, LocatedMap, LocatedMember, LocatedScalar } from "./located.ts";
import type { Place, Problems } from "./problems.ts";

/** Where a text comes from, so that an error can point into it. */
export interface TextAt {
  readonly text: string;
  readonly place: Place;
  readonly at: (index: number) => Place;
}

/**
 * Reads what rules are made of. What is wrong goes to the problems, and undefined is given in its
 * place, so that the rest is read too.
 */
export class Reader {
  readonly problems: Problems;
  /** One object for each path, so that what it finds is looked for once in each envelope. */
  readonly #paths = new Map<string, JsonPath>();

  constructor(problems: Problems) {
    this.problems = problems;
  }

  /** A map with members of `known` alone; by name. */
  map(
    value: Located,
    known: readonly string[],
    what: string,
  ): Readonly<Partial<Record<string, LocatedMember>>> | undefined {
    if (value.kind !== "map")
      return this.#refuse(value.place, `${what} must be a map with ${known.join(", ")}`);
    const members = new Map<string, LocatedMember>();
    for (const member of value.members) {
      if (!known.includes(member.name)) {
        const near = nearest(member.name, known);
        const hint = near === undefined ? `there are: ${known.join(", ")}` : `is it "${near}"?`;
        this.problems.add(member.place, `${what} has no "${member.name}", ${hint}`);
      } else if (members.has(member.name)) {
        this.problems.add(member.place, `"${member.name}" is there twice`);
      } else members.set(member.name, member);
    }
    return Object.fromEntries(members);
  }

  /**
   * Says that a map lacks something; not when it has what it should not have, as that is then a name
   * that is misspelt.
   */
  lacks(value: Located, members: object, problem: string): undefined {
    const given = value.kind === "map" ? value.members.length : 0;
    if (given <= Object.keys(members).length) this.problems.add(value.place, problem);
    return undefined;
  }

  /** The members of a map of any names, few enough. */
  members(value: Located, what: string): LocatedMap["members"] {
    if (value.kind !== "map") {
      this.problems.add(value.place, `${what} must be a map of names and values`);
      return [];
    }
    return this.#few(value.members, { place: value.place, what });
  }

  /** A list, or the one thing in place of it. */
  listOrOne(value: Located, what: string): readonly Located[] {
    if (value.kind !== "list") return [value];
    if (value.items.length === 0) this.problems.add(value.place, `${what} must not be empty`);
    return this.#few(value.items, { place: value.place, what });
  }

  list(value: Located, what: string): readonly Located[] {
    if (value.kind === "list") return this.listOrOne(value, what);
    this.problems.add(value.place, `${what} must be a list`);
    return [];
  }

  scalar(value: Located, what: string): LocatedScalar | undefined {
    return value.kind === "scalar" ? value : this.#refuse(value.place, `${what} must be one value`);
  }

  text(value: Located, what: string): TextAt | undefined {
    if (value.kind !== "scalar" || typeof value.value !== "string") {
      const hint = value.kind === "scalar" && value.value !== null ? ": put it into quotes" : "";
      return this.#refuse(value.place, `${what} must be a text${hint}`);
    }
    return { text: value.value, place: value.place, at: (index) => value.at(index) };
  }

  boolean(value: Located, what: string): boolean | undefined {
    if (value.kind === "scalar" && typeof value.value === "boolean") return value.value;
    return this.#refuse(value.place, `${what} must be true or false`);
  }

  number(value: Located, what: string): number | undefined {
    if (value.kind === "scalar" && typeof value.value === "number") return value.value;
    return this.#refuse(value.place, `${what} must be a number`);
  }

  glob({ text, place }: TextAt): CompiledGlob | undefined {
    if (text.length > PLUMBER_LIMITS.glob) {
      return this.#refuse(
        place,
        `a glob must not be longer than ${PLUMBER_LIMITS.glob} characters`,
      );
    }
    const glob = compileGlob(text);
    if (typeof glob !== "string") return glob;
    return this.#refuse(place, `the glob ${JSON.stringify(text)} is wrong: ${glob}`);
  }

  path({ text, at }: TextAt): JsonPath | undefined {
    const known = this.#paths.get(text);
    if (known !== undefined) return known;
    const path = compilePath(text);
    if ("problem" in path) {
      const shown = text.length > PLUMBER_LIMITS.path ? "" : ` ${JSON.stringify(text)}`;
      return this.#refuse(at(path.index), `the JSON path${shown} is wrong: ${path.problem}`);
    }
    this.#paths.set(text, path);
    return path;
  }

  #few<T>(
    list: readonly T[],
    { place, what }: { readonly place: Place; readonly what: string },
  ): readonly T[] {
    const { members } = PLUMBER_LIMITS;
    if (list.length <= members) return list;
    this.problems.add(place, `${what} must not have more than ${members} members`);
    return list.slice(0, members);
  }

  #refuse(place: Place, problem: string): undefined {
    this.problems.add(place, problem);
    return undefined;
  }
}

/** The one of `known` that was probably meant. */
function nearest(name: string, known: readonly string[]): string | undefined {
  if (name.length > 30) return undefined;
  const close = known.map((word) => ({ word, far: distance(name.toLowerCase(), word) }));
  const [best] = close.toSorted((a, b) => a.far - b.far);
  return best !== undefined && best.far <= 2 && best.far <= best.word.length / 2
    ? best.word
    : undefined;
}

/** How many letters have to be put in, taken out or changed. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
