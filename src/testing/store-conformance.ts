import { CLOCK } from "./store/clock.ts";
import { DIRECTORY } from "./store/directory.ts";
import { DURABILITY } from "./store/durability.ts";
import type { StoreCase, StoreFixture } from "./store/kit.ts";
import { LEDGER } from "./store/ledger.ts";
import { LETTERBOX } from "./store/letterbox.ts";
import { MOBILITY } from "./store/mobility.ts";
import { SEARCH } from "./store/search.ts";

export type { StoreFixture } from "./store/kit.ts";

/** One case of a conformance suite. It passes when `run` resolves. */
export interface ConformanceCase {
  readonly name: string;
  /** Why the case cannot be run here. */
  readonly skip?: string;
  readonly run: () => Promise<void>;
}

export interface StoreConformanceOptions {
  /** Why the fixtures have no `reopen`; the cases that need it are skipped with this reason. */
  readonly noReopen?: string;
}

/**
 * What every store must do, as plain data for any test runner. `make` gives a fresh, empty store
 * for each case.
 */
export function storeConformance(
  make: () => Promise<StoreFixture>,
  options: StoreConformanceOptions = {},
): readonly ConformanceCase[] {
  const toCase = ([name, body]: readonly [string, (fixture: StoreCase) => Promise<void>]) => ({
    name,
    run: async () => {
      const fixture = await make();
      const { reopen = () => Promise.reject(new Error("This store cannot be reopened")) } = fixture;
      try {
        await body({ ...fixture, reopen });
      } finally {
        await fixture.dispose();
      }
    },
  });
  const skip = options.noReopen === undefined ? {} : { skip: options.noReopen };
  const suites = [DIRECTORY, LETTERBOX, LEDGER, CLOCK, DURABILITY, MOBILITY, SEARCH];
  return suites.flatMap(({ cases, reopening = {} }) => [
    ...Object.entries(cases).map(toCase),
    ...Object.entries(reopening).map((entry) => ({ ...toCase(entry), ...skip })),
  ]);
}
