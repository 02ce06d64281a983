import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const FACTS: Readonly<Record<string, string>> = {
  "flight/lisbon": "flight 180 EUR",
  "hotel/lisbon": "hotel 95 EUR",
  "weather/lisbon": "24 degrees and sun",
  "flight/oslo": "flight 140 EUR",
  "hotel/oslo": "hotel 160 EUR",
  "weather/oslo": "12 degrees and rain",
};

/** A travel desk that is asked over HTTP, and knows how often. */
export interface Desk extends AsyncDisposable {
  readonly url: string;
  /** What was answered, by the key of the call: how often. */
  readonly answered: ReadonlyMap<string, { readonly what: string; readonly times: number }>;
}

/** @param hold resolves for a question once it is to be answered */
export async function openDesk(hold: (what: string) => Promise<void>): Promise<Desk> {
  const answered = new Map<string, { what: string; times: number }>();
  const server = createServer((request, response) => {
    const what = decodeURIComponent((request.url ?? "/").slice(1));
    const key = String(request.headers["idempotency-key"]);
    void hold(what).then(() => {
      // Whoever asked may be dead.
      if (response.destroyed) return;
      answered.set(key, { what, times: (answered.get(key)?.times ?? 0) + 1 });
      const fact = FACTS[what];
      response.writeHead(fact === undefined ? 404 : 200).end(fact);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answered,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
