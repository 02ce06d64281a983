import { joinPath } from "../vfs/path.ts";
import { DIRECTORIES } from "./files/directories.ts";
import type { FileCapability, FileCases, FileServiceFixture } from "./files/kit.ts";
import { LIVE, READ_ONLY } from "./files/live.ts";
import { READING } from "./files/reading.ts";
import { WRITING } from "./files/writing.ts";
import type { ConformanceCase } from "./store-conformance.ts";

export type {
  ExchangeSample,
  FileCapability,
  FileContent,
  FileServiceFixture,
  StreamSample,
} from "./files/kit.ts";

export interface FileServiceConformanceOptions {
  /** What the service cannot do, and why: the cases that need it are skipped with this reason. */
  readonly without?: Readonly<Partial<Record<FileCapability, string>>>;
}

/**
 * What every service of files must do (`FileService`), as plain data for any test runner. `make` gives
 * fresh files for each case.
 */
export function fileServiceConformance(
  make: () => Promise<FileServiceFixture>,
  { without = {} }: FileServiceConformanceOptions = {},
): readonly ConformanceCase[] {
  const writable = without.write === undefined;
  const suites: readonly FileCases[] = [READING, WRITING, DIRECTORIES, LIVE];
  return [...suites, ...(writable ? [] : [READ_ONLY])].flatMap((cases) =>
    Object.entries(cases).map(([name, { needs, run }]) => {
      const missing = needs.find((need) => without[need] !== undefined);
      return {
        name,
        ...(missing !== undefined && { skip: without[missing]! }),
        run: async () => {
          const fixture = await make();
          const { root = "/" } = fixture;
          try {
            await run({ ...fixture, at: (path) => joinPath(root, path) });
          } finally {
            await fixture.dispose();
          }
        },
      };
    }),
  );
}
