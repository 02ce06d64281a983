import type { DraftEnvelope } from "../../core/draft-envelope.ts";
import type { Json } from "../../core/json.ts";
import type { JsonPath } from "./json-path.ts";
import type { When } from "./rule.ts";
import type { Work } from "./work.ts";

const NOTHING: readonly Json[] = [];

/** A draft that rules are held against: what was looked up once is kept. */
export class Subject {
  readonly draft: DraftEnvelope;
  readonly work: Work;
  #headers: ReadonlyMap<string, string> | undefined;
  readonly #found = new Map<JsonPath, readonly Json[]>();

  constructor(draft: DraftEnvelope, work: Work) {
    this.draft = draft;
    this.work = work;
  }

  /** True when all conditions hold. @throws LIMIT for a payload that is too much for a path */
  fits({ source, type, from, to, headers, json }: When): boolean {
    const { draft } = this;
    if (source !== undefined && !source.holds([draft.source])) return false;
    if (type !== undefined && !type.holds([draft.type])) return false;
    if (from !== undefined && !from.holds([draft.from])) return false;
    if (to !== undefined && !to.holds(this.to())) return false;
    for (const [name, test] of headers) if (!test.holds(this.header(name))) return false;
    for (const [path, test] of json) {
      const values = this.found(path);
      this.work.spend(looksAt(values));
      if (!test.holds(values)) return false;
    }
    return true;
  }

  /** Whom it is addressed to, if it is. */
  to(): readonly Json[] {
    const { to } = this.draft;
    return to === undefined ? NOTHING : [to];
  }

  /** The value of a header, by its name in lower case. */
  header(name: string): readonly Json[] {
    const { headers } = this.draft;
    if (headers === undefined) return NOTHING;
    this.#headers ??= new Map(
      Object.entries(headers).map(([key, value]) => [key.toLowerCase(), value]),
    );
    const value = this.#headers.get(name);
    return value === undefined ? NOTHING : [value];
  }

  /** What a path finds in the payload. @throws LIMIT for a payload that is too much for it */
  found(path: JsonPath): readonly Json[] {
    let values = this.#found.get(path);
    if (values === undefined) {
      values = path.values(this.draft.payload, this.work);
      this.#found.set(path, values);
    }
    return values;
  }
}

/** What it takes to test values: a long text takes a glob longer. */
function looksAt(values: readonly Json[]): number {
  let looks = values.length;
  for (const value of values) if (typeof value === "string") looks += value.length >> 4;
  return looks;
}
