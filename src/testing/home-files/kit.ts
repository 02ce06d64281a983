import type { HomeFile, HomeFiles } from "../../core/ports/home-files.ts";

/** Fresh, empty files of a home for one case. */
export interface HomeFilesFixture {
  readonly files: HomeFiles;
  /** What a restart does: the files again with what was durable. Use only the new ones then. */
  readonly reopen?: () => Promise<HomeFiles>;
  dispose(): Promise<void>;
}

/** What a case body gets. */
export interface HomeFilesCase extends HomeFilesFixture {
  readonly reopen: () => Promise<HomeFiles>;
}

/** Cases by name. */
export type HomeFilesCases = Readonly<Record<string, (fixture: HomeFilesCase) => Promise<void>>>;

/** Files whose value is their path in capitals. */
export function filesAt(...paths: string[]): readonly HomeFile[] {
  return paths.map((path) => ({ path, value: path.toUpperCase() }));
}

/** The paths that a query gives. */
export async function paths(
  files: HomeFiles,
  query: Partial<Parameters<HomeFiles["list"]>[0]> = {},
): Promise<readonly string[]> {
  return (await files.list({ prefix: "", limit: 1000, ...query })).map(({ path }) => path);
}
