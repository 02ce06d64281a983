import { checkName, isKey } from "../../core/agent.ts";
import { isHeaderValue } from "../../core/draft-envelope.ts";
import { PLUMBER_LIMITS } from "./limits.ts";
import type { Located, LocatedMember } from "./located.ts";
import { readTransform } from "./read-transform.ts";
import { readWhen } from "./read-when.ts";
import { Reader } from "./reader.ts";
import type { Action, Branch, Rule } from "./rule.ts";
import type { Problems } from "./problems.ts";
import type { Transform } from "./transform.ts";

/** The rule of an envelope that no rule is for, and that says itself whom it is for. */
export const DIRECT = "direct";

const RULE_KEYS = ["name", "when", "transform", "send", "fork", "drop", "continue"];
const BRANCH_KEYS = ["send", "transform"];
const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/i;

type Members = Readonly<Partial<Record<string, LocatedMember>>>;

/** All rules, in their order. What is wrong with them is with the problems. */
export function readRules(value: Located, problems: Problems): readonly Rule[] {
  const reader = new Reader(problems);
  const top = reader.map(value, ["rules"], "the file");
  if (top === undefined) return [];
  const list = top["rules"]?.value;
  if (list === undefined) {
    reader.lacks(value, top, 'the file must have "rules"');
    return [];
  }
  if (list.kind !== "list") {
    problems.add(list.place, '"rules" must be a list, in which each rule begins with "- name:"');
    return [];
  }
  if (list.items.length > PLUMBER_LIMITS.rules) {
    problems.add(list.place, `there must not be more than ${PLUMBER_LIMITS.rules} rules`);
    return [];
  }
  const names = new Set<string>();
  return list.items.flatMap((item) => {
    const rule = readRule(reader, item, names);
    return rule === undefined ? [] : [rule];
  });
}

function readRule(reader: Reader, value: Located, names: Set<string>): Rule | undefined {
  const members = reader.map(value, RULE_KEYS, "a rule");
  if (members === undefined) return undefined;
  const name = readName(reader, value, { members, names });
  const when = readWhen(reader, members["when"]?.value);
  const action = readAction(reader, value, members);
  return name === undefined || action === undefined ? undefined : { name, when, action };
}

function readName(
  reader: Reader,
  rule: Located,
  { members, names }: { readonly members: Members; readonly names: Set<string> },
): string | undefined {
  const { problems } = reader;
  const given = members["name"];
  if (given === undefined) return reader.lacks(rule, members, 'a rule must have a "name"');
  const text = reader.text(given.value, '"name"');
  if (text === undefined) return undefined;
  const name = text.text;
  if (!NAME.test(name)) {
    problems.add(text.place, '"name" must be 1 to 63 letters, digits, ".", "_" or "-"');
  } else if (name === DIRECT) {
    problems.add(text.place, `"${DIRECT}" is the rule of what no rule matches: use another name`);
  } else if (names.has(name)) {
    problems.add(text.place, `there is a rule "${name}" above already`);
  }
  names.add(name);
  return name;
}

function readAction(reader: Reader, value: Located, members: Members): Action | undefined {
  const { problems } = reader;
  const { send, fork, drop, transform } = members;
  const done = [send, fork, drop].filter((member) => member !== undefined);
  if (done.length > 1) {
    problems.add(done[1]!.place, 'a rule must have only one of "send", "fork" and "drop"');
  }
  const goesOn = members["continue"];
  const isOpen = goesOn !== undefined && reader.boolean(goesOn.value, '"continue"') === true;
  const changes = transform && readTransform(reader, transform.value);
  if (drop !== undefined) {
    if (isOpen) problems.add(goesOn.place, '"continue" is for "send" and "fork"');
    if (transform !== undefined) problems.add(transform.place, "what is dropped is not changed");
    return readDrop(reader, drop.value);
  }
  const all = changes === undefined ? [] : [changes];
  if (send !== undefined || fork !== undefined) {
    const branches =
      send === undefined ? readFork(reader, fork!, all) : readSend(reader, send.value, all);
    if (branches.length > PLUMBER_LIMITS.branches) {
      const most = PLUMBER_LIMITS.branches;
      problems.add(
        (send ?? fork!).place,
        `a rule must not make more than ${most} envelopes of one`,
      );
    }
    return { kind: "send", branches, goesOn: isOpen };
  }
  if (transform === undefined) {
    return reader.lacks(value, members, 'a rule must have "send", "fork", "drop" or "transform"');
  }
  // The rules below see what it changed: that is all that it does.
  return changes && { kind: "change", transform: changes };
}

function readDrop(reader: Reader, value: Located): Action | undefined {
  const reason = reader.text(value, '"drop", the reason,');
  if (reason === undefined) return undefined;
  if (reason.text === "" || reason.text.length > 500 || !isHeaderValue(reason.text)) {
    reader.problems.add(
      reason.place,
      '"drop" must be a reason of 1 to 500 characters, on one line',
    );
  }
  return { kind: "drop", reason: reason.text };
}

function readFork(
  reader: Reader,
  { value }: LocatedMember,
  before: readonly Transform[],
): readonly Branch[] {
  const items = reader.list(value, '"fork"');
  return items.flatMap((item) => {
    const members = reader.map(item, BRANCH_KEYS, "a branch");
    if (members === undefined) return [];
    const { send, transform } = members;
    const changes = transform && readTransform(reader, transform.value);
    if (send === undefined) {
      reader.lacks(item, members, 'a branch must have "send"');
      return [];
    }
    return readSend(reader, send.value, changes === undefined ? before : [...before, changes]);
  });
}

function readSend(
  reader: Reader,
  value: Located,
  transforms: readonly Transform[],
): readonly Branch[] {
  return reader.listOrOne(value, '"send"').flatMap((item) => {
    const to = reader.text(item, '"send"');
    if (to === undefined) return [];
    if (isAgent(to.text)) return [{ to: to.text, transforms }];
    reader.problems.add(
      to.place,
      `${JSON.stringify(to.text)} can be no agent: use a name of 1 to 63 letters, digits, ".", "_" or "-", or an npub`,
    );
    return [];
  });
}

function isAgent(text: string): boolean {
  if (isKey(text)) return true;
  try {
    checkName(text);
    return true;
  } catch {
    return false;
  }
}
