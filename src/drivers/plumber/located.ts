import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import type { ParsedNode, Scalar } from "yaml";
import { PLUMBER_LIMITS } from "./limits.ts";
import type { Place, Problems } from "./problems.ts";

/** A value of the rules together with where it stands. */
export type Located = LocatedMap | LocatedList | LocatedScalar;

export interface LocatedMap {
  readonly kind: "map";
  readonly place: Place;
  readonly members: readonly LocatedMember[];
}

export interface LocatedMember {
  readonly name: string;
  /** Of the name. */
  readonly place: Place;
  /** Where a character of the name stands. */
  readonly at: (index: number) => Place;
  readonly value: Located;
}

export interface LocatedList {
  readonly kind: "list";
  readonly place: Place;
  readonly items: readonly Located[];
}

export interface LocatedScalar {
  readonly kind: "scalar";
  readonly place: Place;
  readonly value: string | number | boolean | null;
  /** Where a character of a text stands. */
  readonly at: (index: number) => Place;
}

/** Rules nest less: what is deeper is no rule. */
const MAX_DEPTH = 64;

/** Reads YAML 1.2, of which JSON is a part. Undefined when that is wrong, which `problems` then has. */
export function locateText(text: string, problems: Problems): Located | undefined {
  const first: Place = { path: "", line: 1, column: 1 };
  if (text.length > PLUMBER_LIMITS.text) {
    problems.add(first, `the file is longer than ${PLUMBER_LIMITS.text} characters`);
    return undefined;
  }
  const lines = new LineCounter();
  const placeOf = (offset: number, path: string): Place => {
    const { line, col } = lines.linePos(offset);
    return { path, line: Math.max(1, line), column: Math.max(1, col) };
  };
  let document;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: "error" });
  } catch {
    // The parser's own stack is the limit.
    problems.add(first, "it cannot be read: it nests too deep");
    return undefined;
  }
  for (const { pos, message } of [...document.errors, ...document.warnings]) {
    problems.add(placeOf(pos[0], ""), sentence(message));
  }
  if (document.errors.length > 0) return undefined;
  return new YamlReader({ text, placeOf, problems }).locate(document.contents, {
    path: "",
    depth: 0,
    offset: 0,
  });
}

/** The parser's message as a part of ours. */
function sentence(message: string): string {
  const [first = ""] = message.split("\n");
  return `it is not YAML: ${first}`;
}

interface Spot {
  readonly path: string;
  readonly depth: number;
  /** Where a value stands that is not there. */
  readonly offset: number;
}

class YamlReader {
  readonly #text: string;
  readonly #placeOf: (offset: number, path: string) => Place;
  readonly #problems: Problems;

  constructor(options: {
    readonly text: string;
    readonly placeOf: (offset: number, path: string) => Place;
    readonly problems: Problems;
  }) {
    this.#text = options.text;
    this.#placeOf = options.placeOf;
    this.#problems = options.problems;
  }

  locate(node: ParsedNode | null, spot: Spot): Located {
    const offset = node?.range?.[0] ?? spot.offset;
    const { path, depth } = spot;
    const place = this.#placeOf(offset, path);
    if (depth > MAX_DEPTH) {
      this.#problems.add(place, "it nests too deep");
    } else if (isMap(node)) {
      return { kind: "map", place, members: this.#members(node.items, spot) };
    } else if (isSeq(node)) {
      const items = (node.items as readonly ParsedNode[]).map((item, i) =>
        this.locate(item, { path: `${path}[${i}]`, depth: depth + 1, offset }),
      );
      return { kind: "list", place, items };
    } else if (isAlias(node)) {
      this.#problems.add(
        place,
        `aliases are not understood here: put quotes around a text that begins with "*"`,
      );
      return { kind: "scalar", place, value: "", at: () => place };
    } else if (isScalar(node)) {
      const value = this.#scalar(node, place);
      return { kind: "scalar", place, value, at: this.#at(node, path) };
    }
    return { kind: "scalar", place, value: null, at: () => place };
  }

  #members(
    pairs: readonly { readonly key: ParsedNode; readonly value: ParsedNode | null }[],
    { path, depth, offset }: Spot,
  ): readonly LocatedMember[] {
    return pairs.flatMap(({ key, value }) => {
      const start = key?.range?.[0] ?? offset;
      if (!isScalar(key) || key.value === null) {
        this.#problems.add(this.#placeOf(start, path), "a name here must be a text");
        return [];
      }
      // As it was written: 1.0 is not 1, and yes is no more than a text.
      const name = typeof key.value === "string" ? key.value : key.source;
      const below = path === "" ? name : `${path}.${name}`;
      const place = this.#placeOf(start, below);
      const end = key.range?.[1] ?? start;
      const located = this.locate(value, { path: below, depth: depth + 1, offset: end });
      return [{ name, place, at: this.#at(key, below), value: located }];
    });
  }

  #scalar(node: Scalar, place: Place): string | number | boolean | null {
    const { value } = node;
    if (typeof value === "number" && !Number.isFinite(value)) {
      this.#problems.add(place, "it is a number that JSON does not know");
      return 0;
    }
    if (typeof value === "string" && !value.isWellFormed()) {
      this.#problems.add(place, "the text has a lone surrogate");
    }
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
      return value;
    }
    return null;
  }

  /** Exact where the text stands in the file as it is, else the place where it begins. */
  #at(node: Scalar.Parsed, path: string): (index: number) => Place {
    const [begin, end] = node.range;
    const text = String(node.value);
    return (index) => {
      const start = this.#text.slice(begin, end).indexOf(text);
      return this.#placeOf(start < 0 ? begin : begin + start + index, path);
    };
  }
}

/** Rules that are an object: each value has its path for a place. */
export function locateValue(value: unknown, problems: Problems, path = "", depth = 0): Located {
  const place: Place = { path, line: undefined, column: undefined };
  const at = (): Place => place;
  if (depth > MAX_DEPTH) {
    problems.add(place, "it nests too deep, or contains itself");
    return { kind: "scalar", place, value: null, at };
  }
  if (Array.isArray(value)) {
    const items = Array.from(value as readonly unknown[], (item, i) =>
      locateValue(item, problems, `${path}[${i}]`, depth + 1),
    );
    return { kind: "list", place, items };
  }
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([name, member]): LocatedMember => {
        const below = path === "" ? name : `${path}.${name}`;
        const of: Place = { path: below, line: undefined, column: undefined };
        const located = locateValue(member, problems, below, depth + 1);
        return { name, place: of, at: () => of, value: located };
      });
    return { kind: "map", place, members };
  }
  const isJson =
    value === null ||
    typeof value === "boolean" ||
    (typeof value === "string" && value.isWellFormed()) ||
    (typeof value === "number" && Number.isFinite(value));
  if (!isJson) problems.add(place, "it must be JSON");
  return { kind: "scalar", place, value: isJson ? value : null, at };
}
