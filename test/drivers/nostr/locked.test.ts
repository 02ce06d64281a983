import assert from "node:assert/strict";
import { test } from "node:test";
import { startRelay } from "../../../scripts/relay.ts";
import { falseRelay } from "./false-relay.ts";
import { human } from "./human.ts";
import { envelope, home, place, texts, until } from "./setting.ts";

/** A lock, and agents whose keys are behind it. */
function locked() {
  const lock = { locked: true, open: async () => void (lock.locked = false) };
  const at = place();
  for (const [i, agent] of at.agents.entries()) {
    const use = async <T>(work: () => Promise<T>): Promise<T> => {
      if (lock.locked) throw new Error("a key was used while it was locked");
      return work();
    };
    const { signer } = agent;
    at.agents[i] = {
      ...agent,
      signer: {
        ...signer,
        signEvent: (template) => use(() => signer.signEvent(template)),
        encrypt: (peer, text) => use(() => signer.encrypt(peer, text)),
        decrypt: (peer, payload) => use(() => signer.decrypt(peer, payload)),
      },
    };
  }
  return { lock, at };
}

void test("while keys are locked relays stay connected and mail waits, in and out", async () => {
  await using relay = await startRelay();
  await using ada = await human(relay.url);
  const { lock, at } = locked();
  await ada.settle();
  await ada.publish(ada.letter(at.agents[0]!.publicKey, "before"));
  await using it = await home([relay.url], { at, lock });
  const [agent] = it.agents;
  const state = () => it.driver.metrics().relays[0]!;
  await until(() => state().connected);
  await ada.publish(ada.letter(agent!.publicKey, "meanwhile"));
  const letter = envelope(agent!, ada.npub, { payload: "outgoing" });
  assert.deepEqual(await it.driver.carrier.deliver([letter]), ["busy"]);
  assert.deepEqual([it.mail, at.cursors.size, at.announced.size], [[], 0, 0]);
  assert.equal(state().caughtUp, false);

  await lock.open();
  await it.driver.caughtUp();
  await until(() => it.mail.length === 2);
  assert.deepEqual(new Set(texts(it.mail)), new Set(["before", "meanwhile"]));
  await until(async () => (await it.driver.carrier.deliver([letter]))[0] === "accepted");
  await until(() => ada.inbox.length === 1 && at.announced.size === 1);
  // It was connected once, and stayed so.
  assert.equal(state().connections, 1);
  assert.deepEqual(it.warnings, []);
});

void test("a relay's challenge is answered once the keys are open", async () => {
  await using relay = await falseRelay({ opened: (say) => say("AUTH", "who are you?") });
  const { lock, at } = locked();
  await using it = await home([relay.url], { at, lock });
  await until(() => it.driver.metrics().relays[0]!.connected);
  await lock.open();
  await it.driver.caughtUp();
  await until(() => relay.of("AUTH").length === 1);
  const [, event] = relay.of("AUTH")[0] as [string, { readonly pubkey: string }];
  assert.equal(event.pubkey, at.agents[0]!.publicKey);
  assert.equal(it.driver.metrics().relays[0]!.connections, 1);
});

void test("a driver that is stopped while keys are locked does not come back", async () => {
  await using relay = await startRelay();
  const { lock, at } = locked();
  const it = await home([relay.url], { at, lock });
  await until(() => it.driver.metrics().relays[0]!.connected);
  await it.stop();
  await lock.open();
  assert.equal(it.driver.metrics().relays[0]!.connected, false);
  assert.equal(at.announced.size, 0);
});
