import { durableObjectStore, objectHomeFiles } from "../../src/stores/durable-object.ts";
import { ALARMS } from "./object-alarm.ts";
import { OLDER } from "./object-search.ts";
import { homeFilesConformance } from "../../src/testing/home-files-conformance.ts";
import { storeConformance } from "../../src/testing/store-conformance.ts";
import type { ObjectContext, ObjectNamespace } from "../../src/backends/cloudflare/platform.ts";

/** Runs one case of the store suite on its own storage; the answer is empty or what went wrong. */
export class StoreObject {
  readonly #context: ObjectContext;

  constructor(context: ObjectContext) {
    this.#context = context;
  }

  /** Without one there is no alarm to be set. */
  async alarm(): Promise<void> {}

  async fetch(request: Request): Promise<Response> {
    const name = new URL(request.url).searchParams.get("case");
    const { storage } = this.#context;
    const cases = [
      ...storeConformance(async () => ({
        store: await durableObjectStore(storage),
        // What an object that was evicted finds: its storage, and nothing of its memory.
        reopen: () => durableObjectStore(storage),
        dispose: async () => undefined,
      })),
      ...homeFilesConformance(async () => ({
        files: objectHomeFiles(storage),
        reopen: async () => objectHomeFiles(storage),
        dispose: async () => undefined,
      })),
    ];
    for (const [about, run] of Object.entries(ALARMS)) {
      cases.push({
        name: about,
        run: async () => run({ store: await durableObjectStore(storage), storage }),
      });
    }
    for (const [about, run] of Object.entries(OLDER)) {
      cases.push({ name: about, run: () => run(storage) });
    }
    if (name === null) return Response.json(cases.map((one) => one.name));
    try {
      await cases.find((one) => one.name === name)!.run();
      return new Response("");
    } catch (error) {
      return new Response(error instanceof Error ? error.stack : String(error));
    }
  }
}

export default {
  async fetch(request: Request, env: { readonly STORE: ObjectNamespace }): Promise<Response> {
    const name = new URL(request.url).searchParams.get("case") ?? "";
    return env.STORE.get(env.STORE.idFromName(name)).fetch(request);
  },
};
