/** A test that a file of tests named, for a Worker to run. */
export interface Case {
  readonly name: string;
  readonly run: () => unknown;
}

const cases: Case[] = [];

/** What files of tests take for `node:test`: it keeps the tests and runs none. */
export function test(name: string, run: () => unknown): Promise<void> {
  cases.push({ name, run });
  return Promise.resolve();
}

/** The tests that were named since this was last asked. */
export function namedTests(): readonly Case[] {
  return cases.splice(0);
}
