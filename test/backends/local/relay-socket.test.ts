import assert from "node:assert/strict";
import { test } from "node:test";
import { connectRelay } from "../../../src/backends/local/relay-socket.ts";
import { falseRelay, rawOf } from "../../drivers/nostr/false-relay.ts";
import { human, now } from "../../drivers/nostr/human.ts";
import { home, place, texts, until } from "../../drivers/nostr/setting.ts";
import { startRelay } from "../../../scripts/relay.ts";

void test("connectRelay() serves the driver, at a relay that is not ours", async () => {
  await using relay = await startRelay();
  await using ada = await human(relay.url);
  const at = place();
  await ada.publish(ada.letter(at.agents[0]!.publicKey, "a", { created_at: now() - 5 }));
  await using it = await home([relay.url], { at, connect: connectRelay });
  await it.driver.caughtUp();
  await ada.publish(ada.letter(at.agents[0]!.publicKey, "b"));
  await until(() => at.mail.length === 2);
  assert.deepEqual(texts(at.mail), ["a", "b"]);
});

void test("connectRelay() reads no more of a message than it may have", async () => {
  let sent = 0;
  const promised = 1_000_000_000;
  await using relay = await falseRelay({
    opened(_, socket) {
      const raw = rawOf(socket);
      const length = Buffer.alloc(8);
      length.writeBigUInt64BE(BigInt(promised));
      // The head of a text frame of a gigabyte, and then as much of it as is read.
      raw.write(Buffer.concat([Buffer.from([0x81, 0x7f]), length]));
      const more = (): void => {
        if (raw.destroyed || sent > 50_000_000) return;
        sent += 65_536;
        if (raw.write(Buffer.alloc(65_536, 97))) setImmediate(more);
        else raw.once("drain", more);
      };
      more();
    },
  });
  const limits = { messageLength: 100_000, firstWait: 60_000, longestWait: 60_000 };
  await using it = await home([relay.url], { connect: connectRelay, limits });
  await until(() => it.refused("oversized") === 1);
  assert.match(String(it.driver.metrics().relays[0]!.ended), /too long/);
  assert.ok(sent < 50_000_000);
});

void test("connectRelay() reaches nothing of our own network by a name for a guest", async () => {
  await using relay = await falseRelay();
  const url = relay.url.replace("127.0.0.1", "localhost");
  const opened = async (guest: boolean): Promise<boolean> => {
    const socket = connectRelay(url, { messageLength: 1000, guest });
    return new Promise((resolve) => {
      socket.addEventListener("error", () => resolve(false));
      socket.addEventListener("open", () => {
        resolve(true);
        socket.close();
      });
    });
  };
  assert.equal(await opened(true), false);
  assert.equal(relay.sockets.size, 0);
  assert.equal(await opened(false), true);
});
