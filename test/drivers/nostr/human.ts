import { Relay } from "applesauce-relay";
import { finalizeEvent, generateSecretKey, getPublicKey, nip19, nip59 } from "nostr-tools";
import type { Event, EventTemplate } from "nostr-tools";

/** Somebody with another Nostr client: nostr-tools for keys and events, applesauce for relays. */
export interface Human extends AsyncDisposable {
  readonly secret: Uint8Array;
  readonly publicKey: string;
  readonly npub: string;
  sign(template: Partial<EventTemplate>): Event;
  publish(event: Event): Promise<void>;
  /** A direct message (NIP-17), wrapped. */
  letter(to: string, text: string, more?: Letter): Event;
  /** Says where this one reads direct messages. */
  settle(relays?: readonly string[]): Promise<void>;
  /** The direct messages to this one so far, opened, with who sealed each. */
  readonly inbox: readonly Received[];
  /** Everything that the relay has for a filter. */
  find(filter: object): Promise<readonly Event[]>;
}

export interface Letter {
  readonly created_at?: number;
  readonly tags?: string[][];
  readonly kind?: number;
}

export interface Received {
  /** Of the message itself, which is the same however often it is sent. */
  readonly id: string;
  readonly from: string;
  readonly text: string;
  readonly tags: readonly string[][];
}

export async function human(url: string, secret = generateSecretKey()): Promise<Human> {
  const publicKey = getPublicKey(secret);
  const relay = new Relay(url);
  const inbox: Received[] = [];
  const sign = (template: Partial<EventTemplate>): Event =>
    finalizeEvent({ kind: 1, created_at: now(), tags: [], content: "", ...template }, secret);
  const publish = async (event: Event): Promise<void> => {
    const { ok, message } = await relay.publish(event);
    if (!ok) throw new Error(`The relay refused it: ${message}`);
  };
  relay.challenge$.subscribe((challenge) => {
    if (challenge !== null) {
      const tags = [
        ["relay", url],
        ["challenge", challenge],
      ];
      void relay.auth(sign({ kind: 22_242, tags }));
    }
  });
  const subscription = relay.subscription({ kinds: [1059], "#p": [publicKey] }).subscribe({
    next(message) {
      if (typeof message === "string" || !("sig" in message)) return;
      // This relay sends what is new whatever its tags are.
      if (!message.tags.some(([name, key]) => name === "p" && key === publicKey)) return;
      // It does not prove who sealed it; this test's people trust each other.
      const rumor = nip59.unwrapEvent(message, secret);
      inbox.push({ id: rumor.id, from: rumor.pubkey, text: rumor.content, tags: rumor.tags });
    },
    error: () => undefined,
  });
  return {
    secret,
    publicKey,
    npub: nip19.npubEncode(publicKey),
    inbox,
    sign,
    publish,
    letter: (to, text, { created_at = now(), tags = [], kind = 14 } = {}) =>
      nip59.wrapEvent({ kind, created_at, content: text, tags: [["p", to], ...tags] }, secret, to),
    settle: (relays = [url]) =>
      publish(sign({ kind: 10_050, tags: relays.map((at) => ["relay", at]) })),
    find: (filter) =>
      new Promise((resolve, reject) => {
        const found: Event[] = [];
        relay.request(filter as never).subscribe({
          next: (event) => found.push(event),
          complete: () => resolve(found),
          error: reject,
        });
      }),
    async [Symbol.asyncDispose]() {
      subscription.unsubscribe();
      relay.close();
    },
  };
}

/** Seconds since 1970. */
export function now(): number {
  return Math.floor(Date.now() / 1000);
}
