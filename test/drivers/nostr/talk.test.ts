import assert from "node:assert/strict";
import { test } from "node:test";
import { startRelay } from "../../../scripts/relay.ts";
import { human } from "./human.ts";
import { envelope, home, until } from "./setting.ts";

void test("nostrDriver() takes a direct message of another client and answers it sealed", async () => {
  await using relay = await startRelay();
  await using it = await home([relay.url]);
  await using ada = await human(relay.url);
  const [agent] = it.agents;
  await it.driver.caughtUp();
  await ada.settle();
  await ada.publish(ada.letter(agent!.publicKey, "Do you hear me?"));
  await until(() => it.mail.length === 1);
  const [letter] = it.mail;
  assert.equal(letter!.from, ada.npub);
  assert.equal(letter!.to, agent!.id);
  assert.equal(letter!.type, "message");
  assert.equal(letter!.payload, "Do you hear me?");
  const answer = envelope(agent!, ada.npub, { replyTo: letter!.id, payload: "I do." });
  await until(async () => (await it.driver.carrier.deliver([answer]))[0] === "accepted");
  await until(() => ada.inbox.length === 1);
  const [got] = ada.inbox;
  assert.equal(got!.from, agent!.publicKey);
  assert.equal(got!.text, "I do.");
  const written = letter!.id.split(":").at(-1)!;
  assert.deepEqual(
    got!.tags.find(([name]) => name === "e"),
    ["e", written, "", "reply"],
  );
  for (const text of ["Do you hear me", "I do."]) {
    assert.equal(relay.stored().includes(text), false);
  }
});
