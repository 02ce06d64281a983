import { isNpub } from "./agent.ts";
import type { Envelope } from "./envelope.ts";
import { allFiles } from "./load.ts";
import type { Parked } from "./parked.ts";
import type { Store } from "./ports/index.ts";
import { paths } from "./tree.ts";

const PAGE = 256;

/** The requests of other agents that one has not answered: in its inbox, and those it is parked on. */
export async function requestsTo(
  store: Store,
  id: string,
): Promise<readonly { readonly envelope: Envelope }[]> {
  const found: { readonly envelope: Envelope }[] = [];
  for (let after = 0; ;) {
    const rows = await store.mail(id, { box: "inbox", after, limit: PAGE });
    found.push(...rows);
    if (rows.length < PAGE) break;
    after = rows.at(-1)!.position;
  }
  for await (const { value } of allFiles(store, id, paths.parkeds)) {
    found.push(JSON.parse(value as string) as Parked);
  }
  return found.filter(({ envelope }) => envelope.type === "request" && isNpub(envelope.from));
}
