import { namedTests } from "./shims/node-test.ts";

/** Files of tests, which name their tests when they are first asked for: in a request. */
export type TestFiles = Readonly<Record<string, () => Promise<unknown>>>;

/** Runs the tests of one file; the answer has the names of those that passed, and what went wrong. */
export function testWorker(files: TestFiles): { fetch(request: Request): Promise<Response> } {
  return {
    async fetch(request) {
      const file = new URL(request.url).searchParams.get("file");
      if (file === null) return Response.json(Object.keys(files));
      const passed: string[] = [];
      const failed: string[] = [];
      try {
        await files[file]!();
        for (const { name, run } of namedTests()) {
          try {
            await run();
            passed.push(name);
          } catch (error) {
            failed.push(`${name}: ${error instanceof Error ? error.stack : String(error)}`);
          }
        }
      } catch (error) {
        failed.push(error instanceof Error ? error.stack! : String(error));
      }
      return Response.json({ passed, failed });
    },
  };
}
