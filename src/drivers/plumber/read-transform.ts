import { isHeaderName, isHeaderValue } from "../../core/draft-envelope.ts";
import type { EnvelopeType } from "../../core/envelope.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import type { Json } from "../../core/json.ts";
import type { JsonPath, Step } from "./json-path.ts";
import { PLUMBER_LIMITS } from "./limits.ts";
import type { Located, LocatedMember } from "./located.ts";
import type { Reader, TextAt } from "./reader.ts";
import type { Transform, ValueOf } from "./transform.ts";
import type { Work } from "./work.ts";

const KEYS = ["type", "priority", "headers", "pick", "set", "remove"];

/** Types that mail from outside may have; the others are the kernel's own. */
const TYPES: readonly string[] = ["message", "request", "event", "mention"];

/** Headers that the runtime itself writes. */
const RESERVED: readonly string[] = ["plumber-rule", "hops", "error", "traceparent", "tracestate"];

/** Names by which code that copies payloads carelessly changes more than its copy. */
const UNSAFE: readonly Step[] = ["__proto__", "constructor", "prototype"];

/** What a rule changes. What is wrong with it is with the reader's problems. */
export function readTransform(reader: Reader, value: Located): Transform | undefined {
  const members = reader.map(value, KEYS, '"transform"');
  if (members === undefined) return undefined;
  const { type, priority, headers, pick, set, remove } = members;
  if (Object.keys(members).length === 0) {
    reader.lacks(value, members, `"transform" must have some of ${KEYS.join(", ")}`);
  }
  return {
    type: type && readType(reader, type.value),
    priority: priority && readPriority(reader, priority.value),
    headers: headers === undefined ? [] : readHeaders(reader, headers.value),
    pick: pick && readPaths(reader, pick.value, '"pick"'),
    set: set === undefined ? [] : readSet(reader, set.value),
    remove: remove === undefined ? [] : readPaths(reader, remove.value, '"remove"'),
  };
}

function readType(reader: Reader, value: Located): EnvelopeType | undefined {
  const type = reader.text(value, '"type"');
  if (type === undefined || TYPES.includes(type.text)) return type?.text as EnvelopeType;
  reader.problems.add(type.place, `"type" must be one of ${TYPES.join(", ")}`);
  return undefined;
}

function readPriority(reader: Reader, value: Located): number | undefined {
  const priority = reader.number(value, '"priority"');
  if (priority === undefined) return undefined;
  if (Number.isInteger(priority) && priority >= -100 && priority <= 99) return priority;
  reader.problems.add(value.place, '"priority" must be a whole number from -100 to 99');
  return undefined;
}

function readHeaders(reader: Reader, value: Located): Transform["headers"] {
  type Change = Transform["headers"][number];
  return reader.members(value, '"headers"').flatMap(({ name, place, value: of }): Change[] => {
    const key = name.toLowerCase();
    if (!isHeaderName(name) || RESERVED.includes(key)) {
      const why = RESERVED.includes(key) ? "is the runtime's own" : "is no name of a header";
      reader.problems.add(place, `${JSON.stringify(name)} ${why}`);
      return [];
    }
    if (of.kind === "scalar" && of.value === null) return [[key, null]];
    const text = reader.text(of, "a header");
    if (text === undefined) return [];
    if (isHeaderValue(text.text)) return [[key, text.text]];
    reader.problems.add(text.place, "a header must have no control character");
    return [];
  });
}

function readPaths(reader: Reader, value: Located, what: string): readonly JsonPath[] {
  return reader.list(value, what).flatMap((item) => {
    const text = reader.text(item, `a path of ${what}`);
    const path = text && reader.path(text);
    return path === undefined ? [] : [path];
  });
}

function readSet(reader: Reader, value: Located): Transform["set"] {
  return reader.members(value, '"set"').flatMap((member) => {
    const steps = readTarget(reader, member);
    const of = readValue(reader, member.value);
    return steps === undefined || of === undefined ? [] : [[steps, of] as const];
  });
}

function readTarget(
  reader: Reader,
  { name, place, at }: LocatedMember,
): readonly Step[] | undefined {
  const path = reader.path({ text: name, place, at });
  if (path === undefined) return undefined;
  const problem =
    path.steps === undefined || path.steps.some((step) => typeof step === "number" && step < 0)
      ? "can be set only by a path of names and indexes from 0"
      : path.steps.some((step) => UNSAFE.includes(step))
        ? `must not be set: ${UNSAFE.join(", ")} are no names of members`
        : undefined;
  if (problem === undefined) return path.steps;
  reader.problems.add(place, `${JSON.stringify(name)} ${problem}`);
  return undefined;
}

function readValue(reader: Reader, value: Located): ValueOf | undefined {
  if (value.kind !== "map") {
    const json = jsonOf(reader, value);
    return () => json;
  }
  const members = reader.map(value, ["value", "from", "text"], "a value");
  if (members === undefined) return undefined;
  const [given, second] = Object.values(members);
  const need =
    'a value must have one of "value" for JSON as it stands, "from" for a JSON path, "text" for a text with paths in it';
  if (given === undefined) return reader.lacks(value, members, need);
  if (second !== undefined) {
    reader.problems.add(second.place, need);
    return undefined;
  }
  if (given.name === "value") {
    const json = jsonOf(reader, given.value);
    return () => json;
  }
  const text = reader.text(given.value, `"${given.name}"`);
  if (text === undefined) return undefined;
  if (given.name === "text") return readTemplate(reader, text);
  const path = reader.path(text);
  return path && valueAt(path);
}

/** The value at a path; all of them as a list, for a path that may lead to several. */
function valueAt(path: JsonPath): ValueOf {
  return (payload, work) => {
    const values = path.values(payload, work);
    return path.steps === undefined ? [...values] : values[0];
  };
}

/** How long a text may become, UTF-16 units: longer is no payload. */
const MAX_FILLED = 1_048_576;
const MAX_PLACES = 50;

/** A text in which `{$.path}` stands for what is found there. */
function readTemplate(reader: Reader, { text, place, at }: TextAt): ValueOf | undefined {
  const refuse = (problem: string, index = 0): undefined => {
    reader.problems.add(index === 0 ? place : at(index), problem);
    return undefined;
  };
  if (text.length > PLUMBER_LIMITS.template) {
    return refuse(`a text must not be longer than ${PLUMBER_LIMITS.template} characters`);
  }
  const parts: (string | JsonPath)[] = [];
  let done = 0;
  for (;;) {
    const start = text.indexOf("{$", done);
    if (start < 0) break;
    const end = text.indexOf("}", start);
    if (end < 0) return refuse('"{$" has no "}" after it', start);
    const inside = text.slice(start + 1, end);
    const path = reader.path({ text: inside, place, at: (index) => at(start + 1 + index) });
    if (path === undefined) return undefined;
    parts.push(text.slice(done, start), path);
    if (parts.length > MAX_PLACES * 2)
      return refuse(`a text must not have more than ${MAX_PLACES} paths`);
    done = end + 1;
  }
  parts.push(text.slice(done));
  return (payload, work) => fill(parts, payload, work);
}

function fill(parts: readonly (string | JsonPath)[], payload: Json, work: Work): string {
  let filled = "";
  for (const part of parts) {
    const text =
      typeof part === "string" ? part : part.values(payload, work).map(textOfValue).join(", ");
    work.spend(text.length >> 4);
    filled += text;
    if (filled.length <= MAX_FILLED) continue;
    throw new OpenAgentsError(
      "LIMIT",
      `Cannot route envelope: a rule makes a text longer than ${MAX_FILLED} characters`,
    );
  }
  return filled;
}

function textOfValue(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function jsonOf(reader: Reader, value: Located): Json {
  if (value.kind === "scalar") return value.value;
  if (value.kind === "list") return value.items.map((item) => jsonOf(reader, item));
  const entries = value.members.map(({ name, place, value: member }) => {
    if (UNSAFE.includes(name)) reader.problems.add(place, `"${name}" is no name of a member`);
    return [name, jsonOf(reader, member)] as const;
  });
  return Object.fromEntries(entries);
}
