import assert from "node:assert/strict";
import { test } from "node:test";
import { storedSecrets } from "../../src/control/secrets.ts";
import { tickSecrets } from "../../src/core/tick-secrets.ts";
import { lockedError } from "../../src/core/locked.ts";
import { defineAgent, OpenAgentsError } from "../../src/index.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { lockedSigner } from "../../src/identity/locked-signer.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";
import { memoryHomeFiles } from "../../src/stores/memory.ts";
import { manualClock } from "../../src/testing/index.ts";
import { HOUR, setting, START } from "./setting.ts";

const MNEMONIC = newMnemonic();
const learn = (): void => undefined;

void test("a step that needs a secret waits for the keys, whatever agent code makes of the error", async () => {
  const clock = manualClock(START);
  const files = memoryHomeFiles();
  await storedSecrets({ files, clock, signer: derivedSigner(MNEMONIC), learn }).set(
    "KEY",
    "open sesame",
  );
  const signer = lockedSigner(async () => derivedSigner(MNEMONIC));
  const secrets = storedSecrets({ files, clock, signer, learn }).get;
  // Another home's keys may be locked as well, which is an error as any other.
  let theirs = true;
  const agent = defineAgent({
    name: "caller",
    state: { got: [] as string[] },
    async onMessage(ctx, { text }) {
      const call = async (): Promise<string> => {
        if (text === "theirs" && theirs) throw lockedError();
        return String((await secrets("KEY"))?.length);
      };
      ctx.state.got.push(await ctx.step("call", call).catch(() => "failed"));
    },
  });
  const before = await setting([agent], { signer: derivedSigner(MNEMONIC), clock });
  before.store.crash();
  const set = await setting([agent], { signer, clock, secrets, store: before.store });
  await set.runtime.send("caller", { payload: "ours" });
  await clock.advance(HOUR);
  assert.deepEqual((await set.runtime.state("caller"))["got"], []);
  assert.deepEqual(await set.runtime.deadLetters("caller", 0, 9), []);
  assert.equal((await set.runtime.inbox("caller", 0, 9))[0]!.attempts, 0);
  await set.runtime.unlock("the passphrase");
  await clock.advance(0);
  assert.deepEqual((await set.runtime.state("caller"))["got"], ["11"]);
  await set.tell("caller", "theirs");
  theirs = false;
  assert.deepEqual((await set.runtime.state("caller"))["got"], ["11", "failed"]);
});

void test("tickSecrets() gives what there is while the tick runs, and ends one that meets a lock", async () => {
  let over = false;
  const cuts: unknown[] = [];
  const use = {
    check: () => {
      if (over) throw new OpenAgentsError("CANCELLED", "The tick is over");
    },
    locked: (error: unknown) => void cuts.push(error),
  };
  const secrets = tickSecrets(async (name) => {
    if (name === "LOCKED") throw lockedError();
    if (name === "BROKEN") throw new OpenAgentsError("STORE", "Cannot read");
    return `value of ${name}`;
  }, use);
  assert.equal(await secrets("A"), "value of A");
  await assert.rejects(secrets("BROKEN"), { code: "STORE" });
  assert.deepEqual(cuts, []);
  await assert.rejects(secrets("LOCKED"), { code: "LOCKED" });
  assert.equal(cuts.length, 1);
  over = true;
  await assert.rejects(secrets("A"), { code: "CANCELLED" });
});
