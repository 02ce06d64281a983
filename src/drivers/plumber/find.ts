import { jsonpath } from "json-p3";
import type { JSONPathQuery } from "json-p3";
import type { Json } from "../../core/json.ts";
import type { Work } from "./work.ts";

/** A part of the way to a value: the name of a member, or an index. */
export type Step = string | number;

/** A value that was found, and the way to it from the end. */
export interface Found {
  readonly value: Json;
  readonly step: Step | undefined;
  readonly above: Found | undefined;
}

/**
 * What a query finds in a payload, in the order of RFC 9535. The package that reads the paths, and whose
 * filters are used here, goes through a payload with generators within generators: the time that takes
 * grows with the depth of each value as well, and the payload is a stranger's.
 * @throws LIMIT for too much work; RangeError or a `JSONPathError` when a filter looks at too much
 */
export function find(query: JSONPathQuery, payload: Json, work: Work): readonly Found[] {
  let found: readonly Found[] = [{ value: payload, step: undefined, above: undefined }];
  for (const { selectors, ...segment } of query.segments.map(withDescent)) {
    const next: Found[] = [];
    const visit = (node: Found): void => {
      for (const selector of selectors) select(selector, node, { payload, work, into: next });
    };
    for (const node of found) {
      if (segment.descends) descend(node, { visit, work });
      else visit(node);
    }
    found = next;
  }
  return found;
}

/** The way from the payload to what was found. */
export function wayTo(found: Found): readonly Step[] {
  const way: Step[] = [];
  for (let at: Found | undefined = found; at?.step !== undefined; at = at.above) way.push(at.step);
  return way.toReversed();
}

/** True for `..`. */
export function descends(segment: JSONPathQuery["segments"][number]): boolean {
  return segment.toString().startsWith("..");
}

function withDescent(segment: JSONPathQuery["segments"][number]) {
  return { selectors: segment.selectors, descends: descends(segment) };
}

/** Visits a value and all below it, each before what is in it. */
function descend(
  start: Found,
  { visit, work }: { readonly visit: (node: Found) => void; readonly work: Work },
): void {
  const waiting = [start];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    visit(node);
    const first = waiting.length;
    eachChild(node, work, (child) => {
      if (typeof child.value === "object" && child.value !== null) waiting.push(child);
    });
    // The first of them is to be taken first.
    for (let i = first, j = waiting.length - 1; i < j; i += 1, j -= 1) {
      [waiting[i], waiting[j]] = [waiting[j]!, waiting[i]!];
    }
  }
}

function eachChild(above: Found, work: Work, use: (child: Found) => void): void {
  const { value } = above;
  if (Array.isArray(value)) {
    work.spend(value.length);
    for (let i = 0; i < value.length; i += 1) use({ value: value[i]!, step: i, above });
  } else if (typeof value === "object" && value !== null) {
    const steps = Object.keys(value);
    work.spend(steps.length);
    for (const step of steps) use({ value: value[step]!, step, above });
  }
}

function select(
  selector: jsonpath.JSONPathSelector,
  node: Found,
  { payload, work, into }: { readonly payload: Json; readonly work: Work; readonly into: Found[] },
): void {
  if (selector instanceof jsonpath.selectors.WildcardSelector) {
    eachChild(node, work, (child) => into.push(child));
  } else if (selector instanceof jsonpath.selectors.FilterSelector) {
    const { environment, expression } = selector;
    eachChild(node, work, (child) => {
      const context = { environment, currentValue: child.value, rootValue: payload, lazy: true };
      if (expression.evaluate(context)) into.push(child);
    });
  } else {
    // A name, an index or a slice, which look at one value alone.
    work.spend(1);
    for (const { value, location } of selector.resolve(
      new jsonpath.JSONPathNode(node.value, [], payload),
    )) {
      into.push({ value: value as Json, step: location[0], above: node });
    }
  }
}
