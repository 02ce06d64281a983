import type { Json } from "../../core/json.ts";
import type { JsonPath } from "./json-path.ts";
import type { Transform } from "./transform.ts";

type Scalar = string | number | boolean | null;

/** A test of values: of one text that may be absent, or of all that a path finds. */
export interface Test {
  /** When the test holds for nothing but these: what the index can look up. */
  readonly exact: readonly Scalar[] | undefined;
  /** True when it holds; of an absent text or value there is none. */
  holds(values: readonly Json[]): boolean;
}

/** The conditions of a rule, by what they are about. */
export interface When {
  readonly source: Test | undefined;
  readonly type: Test | undefined;
  readonly from: Test | undefined;
  readonly to: Test | undefined;
  /** By name in lower case. */
  readonly headers: readonly (readonly [name: string, test: Test])[];
  readonly json: readonly (readonly [path: JsonPath, test: Test])[];
}

/** One envelope that a rule makes. */
export interface Branch {
  readonly to: string;
  /** In this order. */
  readonly transforms: readonly Transform[];
}

/** What a rule does. */
export type Action =
  | { readonly kind: "send"; readonly branches: readonly Branch[]; readonly goesOn: boolean }
  | { readonly kind: "drop"; readonly reason: string }
  | { readonly kind: "change"; readonly transform: Transform };

/** A rule, checked and ready for use. */
export interface Rule {
  readonly name: string;
  readonly when: When;
  readonly action: Action;
}
