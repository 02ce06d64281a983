import { isHeaderName } from "../../core/draft-envelope.ts";
import { ENVELOPE_TYPES } from "../../core/envelope.ts";
import type { Json } from "../../core/json.ts";
import type { CompiledGlob } from "./glob.ts";
import type { JsonPath } from "./json-path.ts";
import type { Located, LocatedMember } from "./located.ts";
import type { Reader } from "./reader.ts";
import type { Test, When } from "./rule.ts";

const KEYS = ["source", "type", "from", "to", "headers", "json"];

/** Holds for every envelope. */
const ALWAYS: When = {
  source: undefined,
  type: undefined,
  from: undefined,
  to: undefined,
  headers: [],
  json: [],
};

/** The conditions of a rule. What is wrong with them is with the reader's problems. */
export function readWhen(reader: Reader, value: Located | undefined): When {
  const members = value && reader.map(value, KEYS, '"when"');
  if (members === undefined) return ALWAYS;
  const text = (name: string): Test | undefined => {
    const member = members[name];
    return member && textTest(reader, member.value, `"${name}"`);
  };
  const { type, headers, json } = members;
  const typeTest = text("type");
  if (type !== undefined) checkTypes(reader, type, typeTest);
  return {
    source: text("source"),
    type: typeTest,
    from: text("from"),
    to: text("to"),
    headers: headers === undefined ? [] : readHeaders(reader, headers.value),
    json: json === undefined ? [] : readJson(reader, json.value),
  };
}

/** A type that there is not would never match. */
function checkTypes(reader: Reader, { value }: LocatedMember, test: Test | undefined): void {
  const types: readonly unknown[] = ENVELOPE_TYPES;
  const unknown = test?.exact?.find((type) => !types.includes(type));
  if (unknown === undefined) return;
  reader.problems.add(
    value.place,
    `there is no type ${JSON.stringify(unknown)}, there are: ${ENVELOPE_TYPES.join(", ")}`,
  );
}

function readHeaders(reader: Reader, value: Located): When["headers"] {
  return reader.members(value, '"headers"').flatMap(({ name, place, value: of }) => {
    if (!isHeaderName(name)) {
      reader.problems.add(place, `${JSON.stringify(name)} is no name of a header`);
      return [];
    }
    const test = textTest(reader, of, "a header");
    return test === undefined ? [] : [[name.toLowerCase(), test] as const];
  });
}

function readJson(reader: Reader, value: Located): When["json"] {
  if (value.kind !== "map") {
    return reader.listOrOne(value, '"json"').flatMap((item) => {
      const text = reader.text(item, 'a path of "json"');
      const path = text && reader.path(text);
      return path === undefined ? [] : [[path, EXISTS] as const];
    });
  }
  return reader.members(value, '"json"').flatMap(({ name, place, at, value: of }) => {
    const path: JsonPath | undefined = reader.path({ text: name, place, at });
    const test = valueTest(reader, of);
    return path === undefined || test === undefined ? [] : [[path, test] as const];
  });
}

const EXISTS: Test = { exact: undefined, holds: (values) => values.length > 0 };
const ABSENT: Test = { exact: undefined, holds: (values) => values.length === 0 };

/** A glob, any of a list of them, or `{ not, exists }`. */
function textTest(reader: Reader, value: Located, what: string): Test | undefined {
  if (value.kind !== "map") return anyOf(reader, value, { what, texts: true });
  const members = reader.map(value, ["not", "exists"], what);
  return members && combine(reader, members, { what, texts: true });
}

/** The same for values that a JSON path finds, with `min` and `max`. */
function valueTest(reader: Reader, value: Located): Test | undefined {
  const what = "a condition";
  if (value.kind !== "map") return anyOf(reader, value, { what, texts: false });
  const members = reader.map(value, ["not", "exists", "min", "max"], what);
  return members && combine(reader, members, { what, texts: false });
}

interface Kind {
  readonly what: string;
  /** Only texts can be meant. */
  readonly texts: boolean;
}

function combine(
  reader: Reader,
  { not, exists, min, max }: Readonly<Partial<Record<string, LocatedMember>>>,
  kind: Kind,
): Test {
  const tests: (Test | undefined)[] = [];
  if (not !== undefined) {
    const test = anyOf(reader, not.value, kind);
    tests.push(test && { exact: undefined, holds: (values) => !test.holds(values) });
  }
  if (exists !== undefined) {
    tests.push(reader.boolean(exists.value, '"exists"') === false ? ABSENT : EXISTS);
  }
  if (min !== undefined || max !== undefined) {
    const least = min && reader.number(min.value, '"min"');
    const most = max && reader.number(max.value, '"max"');
    const fits = (value: Json): boolean =>
      typeof value === "number" && value >= (least ?? -Infinity) && value <= (most ?? Infinity);
    tests.push({ exact: undefined, holds: (values) => values.some(fits) });
  }
  const all = tests.filter((test) => test !== undefined);
  return { exact: undefined, holds: (values) => all.every((test) => test.holds(values)) };
}

function anyOf(reader: Reader, value: Located, { what, texts }: Kind): Test | undefined {
  const globs: CompiledGlob["fits"][] = [];
  const exact = new Set<Json>();
  for (const item of reader.listOrOne(value, what)) {
    const scalar = texts ? reader.text(item, what) : reader.scalar(item, what);
    if (scalar === undefined) continue;
    const one = "text" in scalar ? scalar.text : scalar.value;
    if (typeof one !== "string") exact.add(one);
    else {
      const at = { text: one, place: scalar.place, at: (index: number) => scalar.at(index) };
      const glob = reader.glob(at);
      if (glob?.exact !== undefined) exact.add(glob.exact);
      else if (glob !== undefined) globs.push(glob.fits);
    }
  }
  const holds = (values: readonly Json[]): boolean =>
    values.some(
      (each) => exact.has(each) || (typeof each === "string" && globs.some((fits) => fits(each))),
    );
  return { exact: globs.length === 0 ? ([...exact] as string[]) : undefined, holds };
}
