/** How much of each the plumber takes. Beyond them rules are refused, or the envelope is. */
export const PLUMBER_LIMITS = {
  /** UTF-16 units of a rules file. */
  text: 4_194_304,
  rules: 10_000,
  /** Envelopes that one rule makes of one. */
  branches: 100,
  /** Envelopes that all rules together make of one. */
  envelopes: 1000,
  /** Rules that change one envelope for those below them. */
  changes: 100,
  /** UTF-16 units of a glob, of a JSON path, and of a text with paths in it. */
  glob: 500,
  path: 500,
  template: 10_000,
  /** Selectors that a JSON path has side by side, multiplied over its segments. */
  selectors: 64,
  /** Conditions, or changes, of one kind in one rule. */
  members: 100,
  /** Errors of a file that are told at once. */
  problems: 20,
  /** Values of payloads that all rules together look at, for one envelope. */
  work: 2_000_000,
  /** How deep a payload may nest: what the kernel takes. */
  depth: 500,
} as const;
