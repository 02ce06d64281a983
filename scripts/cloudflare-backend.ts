import { outsideServer } from "./outside-server.ts";
import { startWorkerd } from "./workerd.ts";
import type { Workerd } from "./workerd.ts";
import { remoteRuntime } from "../src/control/remote-runtime.ts";
import type { BackendFixture } from "../src/testing/index.ts";

/** The Cloudflare backend with the agents of the suite: one workerd, shared by all cases. */
export interface SharedBackend extends AsyncDisposable {
  readonly worker: Workerd;
  readonly fixture: BackendFixture;
}

export async function cloudflareBackend(): Promise<SharedBackend> {
  const { outside, url, close } = await outsideServer();
  const worker = await startWorkerd({
    entry: "test/cloudflare/conformance.worker.ts",
    objects: { AGENTS: "AgentObject", DIRECTORY: "DirectoryObject", HOME: "HomeObject" },
    define: { OUTSIDE: url, RELEASE: "1" },
  });
  const runtime = remoteRuntime(worker);
  let now = 1;
  return {
    worker,
    fixture: {
      runtime,
      outside,
      async crash(release = 1) {
        await worker.kill();
        if (release !== now) await worker.deploy({ OUTSIDE: url, RELEASE: String(release) });
        now = release;
        await worker.start();
        return runtime;
      },
      follow: (ref) => runtime.stream(ref),
      secrets: async () => [worker.mnemonic, worker.token],
      dispose: async () => undefined,
    },
    async [Symbol.asyncDispose]() {
      await worker[Symbol.asyncDispose]();
      close();
    },
  };
}
