import { memorySuites } from "../vfs/fixtures.ts";

const CASES = memorySuites();

/** Runs one case of the suites of files; the answer is empty or what went wrong. */
export default {
  async fetch(request: Request): Promise<Response> {
    const name = new URL(request.url).searchParams.get("case");
    try {
      await CASES.find((one) => one.name === name)!.run();
      return new Response("");
    } catch (error) {
      return new Response(error instanceof Error ? error.stack : String(error));
    }
  },
};
