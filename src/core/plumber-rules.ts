import type { Json } from "./json.ts";

/** Which agents get what comes from outside: the rules of a plumber, first match first. */
export interface PlumberRules {
  readonly rules: readonly PlumberRule[];
}

/**
 * One rule. It does one thing: `send`, `fork`, `drop`, or `transform` alone, which changes the
 * envelope for the rules below.
 */
export interface PlumberRule extends Partial<PlumberBranch> {
  /** 1 to 63 letters, digits, ".", "_", "-"; each once, and not `direct`. */
  readonly name: string;
  /** All of it has to hold. Default: every envelope. */
  readonly when?: PlumberWhen;
  /** Several envelopes of one; each is changed on its own, after `transform`. */
  readonly fork?: readonly PlumberBranch[];
  /** The reason why nobody gets it. */
  readonly drop?: string;
  /** With `send` or `fork`: the rules below get to see it too. Default false. */
  readonly continue?: boolean;
}

/** Who gets an envelope, and what is changed about it. */
export interface PlumberBranch {
  /** Names or npubs of agents. */
  readonly send: string | readonly string[];
  readonly transform?: PlumberTransform;
}

/** Conditions on an envelope. Texts are globs: `*` any characters, `?` one, `\` before either of them. */
export interface PlumberWhen {
  readonly source?: PlumberTextTest;
  readonly type?: PlumberTextTest;
  readonly from?: PlumberTextTest;
  /** Whom it was addressed to outside. */
  readonly to?: PlumberTextTest;
  /** By name, whose case does not matter. */
  readonly headers?: Readonly<Record<string, PlumberTextTest>>;
  /** JSON paths (RFC 9535) that must find something in the payload, or what they find has to be. */
  readonly json?: string | readonly string[] | Readonly<Record<string, PlumberValueTest>>;
}

/** One glob, any of a list, or what must not be. */
export type PlumberTextTest =
  | string
  | readonly string[]
  | { readonly not?: string | readonly string[]; readonly exists?: boolean };

type Scalar = string | number | boolean | null;

/** Of a text a glob, of other values themselves; true when it holds for any value that was found. */
export type PlumberValueTest =
  | Scalar
  | readonly Scalar[]
  | {
      readonly not?: Scalar | readonly Scalar[];
      readonly exists?: boolean;
      readonly min?: number;
      readonly max?: number;
    };

/** What is changed: `pick`, then `set`, then `remove`. What is read is the payload as it was before. */
export interface PlumberTransform {
  readonly type?: "message" | "request" | "event" | "mention";
  /** -100 to 99. */
  readonly priority?: number;
  /** null takes a header off. */
  readonly headers?: Readonly<Record<string, string | null>>;
  /** JSON paths of what is kept; the rest goes. */
  readonly pick?: readonly string[];
  /** By JSON path, of names and indexes alone. */
  readonly set?: Readonly<Record<string, PlumberValue>>;
  /** JSON paths of what goes. */
  readonly remove?: readonly string[];
}

/** A value as it stands, one copied from the payload, or a text with `{$.path}` in it. */
export type PlumberValue =
  | Scalar
  | Json[]
  | { readonly value: Json }
  | { readonly from: string }
  | { readonly text: string };
