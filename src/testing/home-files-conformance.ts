import { CASES, REOPENING } from "./home-files/cases.ts";
import type { HomeFilesCase, HomeFilesFixture } from "./home-files/kit.ts";
import type { ConformanceCase, StoreConformanceOptions } from "./store-conformance.ts";

export type { HomeFilesFixture } from "./home-files/kit.ts";

/**
 * What the files of every home must do (`HomeFiles`), as plain data for any test runner. `make` gives
 * fresh, empty files for each case.
 */
export function homeFilesConformance(
  make: () => Promise<HomeFilesFixture>,
  options: StoreConformanceOptions = {},
): readonly ConformanceCase[] {
  const toCase = ([name, body]: readonly [string, (fixture: HomeFilesCase) => Promise<void>]) => ({
    name,
    run: async () => {
      const fixture = await make();
      const { reopen = () => Promise.reject(new Error("These files cannot be reopened")) } =
        fixture;
      try {
        await body({ ...fixture, reopen });
      } finally {
        await fixture.dispose();
      }
    },
  });
  const skip = options.noReopen === undefined ? {} : { skip: options.noReopen };
  return [
    ...Object.entries(CASES).map(toCase),
    ...Object.entries(REOPENING).map((entry) => ({ ...toCase(entry), ...skip })),
  ];
}
