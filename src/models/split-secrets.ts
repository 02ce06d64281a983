import type { Json } from "../core/json.ts";
import type { SecretForm } from "./known-secrets.ts";

/** Shorter ones would be found where words happen to meet. */
export const SHORTEST_SPLIT = 8;

/** Where something is, by the characters of a text. */
interface Range {
  readonly from: number;
  readonly to: number;
  readonly mark: string;
}

/** A text without secrets that have white space put into them, as those have that are wrapped to lines. */
export function cleanSplit(text: string, forms: readonly SecretForm[]): string {
  if (!/\s/.test(text)) return text;
  let bare = "";
  const places: number[] = [];
  for (const { 0: word, index } of text.matchAll(/\S+/g)) {
    bare += word;
    for (let i = 0; i < word.length; i += 1) places.push(index + i);
  }
  const found = rangesOf(
    bare,
    forms.map(({ bare, mark }) => ({ form: bare, mark })),
  );
  const ranges = found.map(({ from, to, mark }) => ({
    from: places[from]!,
    to: places[to - 1]! + 1,
    mark,
  }));
  return replaced(text, ranges);
}

/**
 * Everything that JSON says, without white space, its texts one after the other: what is not in that is nowhere in
 * the value.
 */
export function bareText(value: Json): string {
  const texts: string[] = [];
  const others: string[] = [];
  const collect = (one: Json): void => {
    if (typeof one === "string") texts.push(one);
    else if (typeof one !== "object" || one === null) others.push(String(one));
    else {
      if (!Array.isArray(one)) for (const name of Object.keys(one)) others.push(name);
      Object.values(one).forEach(collect);
    }
  };
  collect(value);
  return texts.concat(others).join("").replaceAll(/\s+/g, "");
}

/** JSON without secrets that its texts make up one after the other, as pieces of a stream do. */
export function cleanLeaves(value: Json, forms: readonly SecretForm[]): Json {
  const leaves: string[] = [];
  const collect = (one: Json): void => {
    if (typeof one === "string") leaves.push(one);
    else if (typeof one === "object" && one !== null) Object.values(one).forEach(collect);
  };
  collect(value);
  if (leaves.length < 2) return value;
  const ranges = rangesOf(leaves.join(""), forms);
  if (ranges.length === 0) return value;
  let at = 0;
  let first = 0;
  const cleaned = leaves.map((leaf) => {
    const [begin, end] = [at, at + leaf.length];
    at = end;
    while (first < ranges.length && ranges[first]!.to <= begin) first += 1;
    let last = first;
    while (last < ranges.length && ranges[last]!.from < end) last += 1;
    const own = ranges.slice(first, last);
    // The mark stands where the secret begins, and the rest of it is nothing.
    const within = own.map(({ from, to, mark }) => ({
      from: Math.max(from, begin) - begin,
      to: Math.min(to, end) - begin,
      mark: from >= begin ? mark : "",
    }));
    return replaced(leaf, within);
  });
  let next = 0;
  const rebuilt = (one: Json): Json => {
    if (typeof one === "string") return cleaned[next++]!;
    if (Array.isArray(one)) return one.map((item: Json) => rebuilt(item));
    if (typeof one !== "object" || one === null) return one;
    return Object.fromEntries(Object.entries(one).map(([key, m]) => [key, rebuilt(m)]));
  };
  return rebuilt(value);
}

/** Where forms are in a text, in order and none within another. */
function rangesOf(
  text: string,
  forms: readonly Pick<SecretForm, "form" | "mark">[],
): readonly Range[] {
  const ranges: Range[] = [];
  for (const { form, mark } of forms) {
    if (form.length < SHORTEST_SPLIT) continue;
    for (let from = text.indexOf(form); from !== -1;) {
      const to = from + form.length;
      ranges.push({ from, to, mark });
      from = text.indexOf(form, to);
    }
  }
  ranges.sort((a, b) => a.from - b.from || b.to - a.to);
  const apart: Range[] = [];
  for (const range of ranges) {
    const last = apart.at(-1);
    if (last === undefined || range.from >= last.to) apart.push(range);
    else if (range.to > last.to) apart[apart.length - 1] = { ...last, to: range.to };
  }
  return apart;
}

function replaced(text: string, ranges: readonly Range[]): string {
  let at = 0;
  let made = "";
  for (const { from, to, mark } of ranges) {
    made += text.slice(at, from) + mark;
    at = to;
  }
  return made + text.slice(at);
}
