import type { Json } from "../../core/json.ts";
import type { Rule, Test } from "./rule.ts";
import type { Subject } from "./subject.ts";

/** Something of an envelope by which rules are looked up: its sender, a header, what a path finds. */
interface Key {
  readonly values: (subject: Subject) => readonly Json[];
  /** The rules, by number, that a value may match. */
  readonly rules: Map<Json, number[]>;
}

/** The rules that envelopes of one source and type may match. */
interface Shelf {
  readonly keys: readonly Key[];
  /** Rules of which no condition names its values. */
  readonly others: readonly number[];
}

/** So many sources and types have their shelves kept: drivers have few, strangers could name many. */
const MAX_SHELVES = 256;

/**
 * Finds the rules that may match, without holding all of them against each envelope: by source and
 * type, and then by one condition of each rule that names its values, be it of sender, recipient,
 * header or JSON path.
 */
export class RuleIndex {
  readonly #rules: readonly Rule[];
  readonly #shelves = new Map<string, Shelf>();

  constructor(rules: readonly Rule[]) {
    this.#rules = rules;
  }

  /** Rules that may match, by number and in their order, from `first` on; the others do not match. */
  candidates(subject: Subject, first: number): readonly number[] {
    const { keys, others } = this.#shelf(subject);
    let found: readonly number[] = others;
    let isSorted = true;
    for (const { values, rules } of keys) {
      for (const value of values(subject)) {
        const some = rules.get(value);
        if (some === undefined) continue;
        isSorted &&= found.length === 0;
        found = found.length === 0 ? some : [...found, ...some];
      }
    }
    // A rule may be found by two values of one path.
    const sorted = isSorted ? found : [...new Set(found)].toSorted((a, b) => a - b);
    return first === 0 ? sorted : sorted.filter((number) => number >= first);
  }

  #shelf({ draft }: Subject): Shelf {
    const { source, type } = draft;
    const key = `${type} ${source}`;
    const known = this.#shelves.get(key);
    if (known !== undefined) return known;
    if (this.#shelves.size >= MAX_SHELVES) this.#shelves.clear();
    const shelf = this.#fill(source, type);
    this.#shelves.set(key, shelf);
    return shelf;
  }

  #fill(source: string, type: string): Shelf {
    const open: { readonly number: number; readonly named: readonly Named[] }[] = [];
    /** How many rules name a value of something. */
    const shared = new Map<unknown, Map<Json, number>>();
    for (const [number, { when }] of this.#rules.entries()) {
      if (when.source?.holds([source]) === false || when.type?.holds([type]) === false) continue;
      const named = namedBy(when);
      open.push({ number, named });
      for (const { name, exact } of named) {
        const counts = shared.get(name) ?? new Map<Json, number>();
        shared.set(name, counts);
        for (const value of exact) counts.set(value, (counts.get(value) ?? 0) + 1);
      }
    }
    const keys = new Map<unknown, Key>();
    const others: number[] = [];
    for (const { number, named } of open) {
      const [best] = named
        .map((each) => ({ ...each, crowd: crowd(each, shared) }))
        .toSorted((a, b) => a.crowd - b.crowd);
      if (best === undefined) {
        others.push(number);
        continue;
      }
      const key = keys.get(best.name) ?? { values: best.values, rules: new Map() };
      keys.set(best.name, key);
      for (const value of best.exact) {
        const numbers = key.rules.get(value) ?? [];
        numbers.push(number);
        key.rules.set(value, numbers);
      }
    }
    return { keys: [...keys.values()], others };
  }
}

/** A condition that names its values. */
interface Named {
  readonly name: unknown;
  readonly exact: readonly Json[];
  readonly values: Key["values"];
}

/** The most rules that one of the values has. */
function crowd({ name, exact }: Named, shared: ReadonlyMap<unknown, Map<Json, number>>): number {
  return Math.max(0, ...exact.map((value) => shared.get(name)?.get(value) ?? 0));
}

/** The conditions of a rule that name their values, and whose values cost next to nothing to look up. */
function namedBy({ from, to, headers, json }: Rule["when"]): readonly Named[] {
  const conditions: readonly (readonly [unknown, Test | undefined, Key["values"]])[] = [
    ["from", from, ({ draft }) => [draft.from]],
    ["to", to, (subject) => subject.to()],
    ...headers.map(
      ([name, test]) => [`header ${name}`, test, (of: Subject) => of.header(name)] as const,
    ),
    ...json
      .filter(([path]) => path.steps !== undefined)
      .map(([path, test]) => [path, test, (of: Subject) => of.found(path)] as const),
  ];
  return conditions.flatMap(([name, test, values]) =>
    test?.exact === undefined ? [] : [{ name, exact: test.exact, values }],
  );
}
