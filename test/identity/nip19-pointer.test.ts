import assert from "node:assert/strict";
import { test } from "node:test";

import { bytesToHex, concatBytes, hexToBytes } from "@noble/hashes/utils.js";
import { bech32 } from "@scure/base";
import * as fc from "fast-check";
import * as tools from "nostr-tools/nip19";

import {
  decodeNaddr,
  decodeNevent,
  decodeNprofile,
  encodeNaddr,
  encodeNevent,
  encodeNprofile,
} from "../../src/identity/nip19-pointer.ts";
import { vectors } from "./setting.ts";

const KEY = "3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d";
const ID = "a".repeat(64);
const refused = { code: "INVALID" };

const hex = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytesToHex);
const relay = fc
  .tuple(fc.constantFrom("ws", "wss"), fc.webPath(), fc.domain())
  .map(([scheme, path, domain]) => `${scheme}://${domain}${path}`)
  .filter((url) => url.length <= 255);
const relays = fc.array(relay, { maxLength: 5 });
const kind = fc.integer({ min: 0, max: 65_535 });
const identifier = fc.string({ unit: "binary", maxLength: 60 }).filter((one) => one.isWellFormed());

/** A text of any items. */
function text(prefix: string, ...items: readonly (readonly [type: number, value: Uint8Array])[]) {
  const parts = items.map(([type, value]) => concatBytes(Uint8Array.of(type, value.length), value));
  return bech32.encode(prefix, bech32.toWords(concatBytes(...parts)), false);
}

const key: readonly [number, Uint8Array] = [0, hexToBytes(KEY)];
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

void test("decodeNprofile() gives the example of NIP-19", () => {
  const spec = vectors("nip19.md");
  const [, example] = /`(nprofile1\w+)`/.exec(spec)!;
  assert.deepEqual(decodeNprofile(example!), {
    publicKey: KEY,
    relays: ["wss://r.x.com", "wss://djbas.sadkb.com"],
  });
  assert.equal(
    encodeNprofile({ publicKey: KEY, relays: ["wss://r.x.com", "wss://djbas.sadkb.com"] }),
    example,
  );
});

void test("decode gives back what encode was given, and nostr-tools reads and writes the same", () => {
  fc.assert(
    fc.property(hex, relays, (publicKey, list) => {
      const made = encodeNprofile({ publicKey, relays: list });
      assert.deepEqual(decodeNprofile(made), { publicKey, relays: list });
      assert.deepEqual(tools.decode(made).data, { pubkey: publicKey, relays: list });
      const theirs = tools.nprofileEncode({ pubkey: publicKey, relays: list });
      assert.deepEqual(decodeNprofile(theirs), { publicKey, relays: list });
    }),
  );
  const pointer = fc.record(
    { id: hex, relays, author: hex, kind },
    { requiredKeys: ["id", "relays"], noNullPrototype: true },
  );
  fc.assert(
    fc.property(pointer, (event) => {
      const made = encodeNevent(event);
      assert.deepEqual(decodeNevent(made), event);
      const { author, kind, ...rest } = event;
      assert.deepEqual(tools.decode(made).data, { author, kind, ...rest });
      // It leaves out kind 0, which it takes for none.
      fc.pre(kind !== 0);
      assert.deepEqual(decodeNevent(tools.neventEncode(event)), event);
    }),
  );
  fc.assert(
    fc.property(
      fc.record({ identifier, author: hex, kind, relays }, { noNullPrototype: true }),
      (address) => {
        const made = encodeNaddr(address);
        assert.deepEqual(decodeNaddr(made), address);
        const { author: pubkey, ...rest } = address;
        const theirs = tools.decode(made).data as object;
        // It drops a byte order mark at the beginning.
        const named = { ...rest, pubkey, identifier: address.identifier.replace(/^\ufeff/, "") };
        assert.deepEqual(theirs, named);
        assert.deepEqual(decodeNaddr(tools.naddrEncode({ pubkey, ...rest })), address);
      },
    ),
  );
});

void test("decode passes over unknown items, and relays that are no address", () => {
  const made = text(
    "nprofile",
    [99, new Uint8Array(255)],
    key,
    [1, bytes("wss://good.example")],
    [1, bytes("good.example")],
    [1, bytes("https://good.example")],
    [1, bytes("wss://é.example")],
    [1, Uint8Array.of(0xff)],
    [1, new Uint8Array(0)],
    [255, new Uint8Array(0)],
  );
  assert.deepEqual(decodeNprofile(made), { publicKey: KEY, relays: ["wss://good.example"] });
});

void test("decode refuses items that are cut off, missing, doubled or of the wrong length", () => {
  const author: readonly [number, Uint8Array] = [2, hexToBytes(KEY)];
  const aKind: readonly [number, Uint8Array] = [3, Uint8Array.of(0, 0, 0x75, 0x30)];
  const d: readonly [number, Uint8Array] = [0, bytes("d")];
  assert.equal(decodeNevent(text("nevent", key, author, aKind)).kind, 30_000);
  assert.equal(decodeNaddr(text("naddr", d, author, aKind)).identifier, "d");
  const profiles = [
    text("nprofile"),
    text("nprofile", [1, bytes("wss://a.example")]),
    text("nprofile", [0, new Uint8Array(31)]),
    text("nprofile", [0, new Uint8Array(33)]),
    text("nprofile", [0, new Uint8Array(0)]),
    text("nprofile", key, key),
    text("nevent", key),
    bech32.encode("nprofile", bech32.toWords(Uint8Array.of(0)), false),
    bech32.encode("nprofile", bech32.toWords(Uint8Array.of(0, 32, 1, 2)), false),
    bech32.encode(
      "nprofile",
      bech32.toWords(concatBytes(Uint8Array.of(0, 32), key[1], Uint8Array.of(1))),
      false,
    ),
  ];
  for (const bad of profiles) assert.throws(() => decodeNprofile(bad), refused);
  const events = [
    text("nevent", key, [2, new Uint8Array(31)]),
    text("nevent", key, author, author),
    text("nevent", key, [3, Uint8Array.of(1)]),
    text("nevent", key, aKind, aKind),
    text("nevent", key, [3, Uint8Array.of(0, 1, 0, 0)]),
    text("nevent", author, aKind),
    text("nprofile", key),
  ];
  for (const bad of events) assert.throws(() => decodeNevent(bad), refused);
  const addresses = [
    text("naddr", author, aKind),
    text("naddr", d, aKind),
    text("naddr", d, author),
    text("naddr", d, d, author, aKind),
    text("naddr", [0, Uint8Array.of(0xff)], author, aKind),
    text("naddr", d, author, [3, new Uint8Array(5)]),
  ];
  for (const bad of addresses) assert.throws(() => decodeNaddr(bad), refused);
});

void test("decode refuses more than 5,000 characters, changed ones and other texts, and quotes nothing", () => {
  const long = text(
    "nprofile",
    key,
    ...Array.from({ length: 20 }, () => [9, new Uint8Array(255)] as const),
  );
  assert.ok(long.length > 5000);
  const good = encodeNprofile({ publicKey: KEY, relays: [] });
  const bad = [
    long,
    good.slice(0, -1),
    `${good}q`,
    good.replace("nprofile", "nprofilf"),
    "",
    KEY,
    "nsec1",
  ];
  for (const one of [...bad, undefined, 1]) {
    assert.throws(
      () => decodeNprofile(one as string),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, "INVALID");
        assert.equal(error.cause, undefined);
        if (typeof one === "string" && one.length > 8) assert.ok(!error.message.includes(one));
        return true;
      },
    );
  }
});

void test("decode throws nothing but INVALID for any items", () => {
  const item = fc.tuple(fc.nat(5), fc.uint8Array({ maxLength: 40 }));
  fc.assert(
    fc.property(
      fc.array(item, { maxLength: 6 }),
      fc.uint8Array({ maxLength: 80 }),
      (items, noise) => {
        for (const [prefix, decode] of [
          ["nprofile", decodeNprofile],
          ["nevent", decodeNevent],
          ["naddr", decodeNaddr],
        ] as const) {
          for (const one of [
            text(prefix, ...items),
            bech32.encode(prefix, bech32.toWords(noise), false),
          ]) {
            try {
              decode(one);
            } catch (error) {
              assert.equal((error as { code?: string }).code, "INVALID", String(error));
            }
          }
        }
      },
    ),
  );
});

void test("encode refuses what is no part", () => {
  const profile = { publicKey: KEY, relays: [] };
  for (const bad of ["", "npub1", KEY.slice(2), KEY.toUpperCase()]) {
    assert.throws(() => encodeNprofile({ ...profile, publicKey: bad }), refused);
    assert.throws(() => encodeNevent({ id: bad, relays: [] }), refused);
    assert.throws(() => encodeNevent({ id: ID, relays: [], author: bad }), refused);
  }
  const address = { identifier: "", author: KEY, kind: 30_000, relays: [] };
  // nostr-tools writes the first of these as a text that nobody can read.
  for (const bad of [
    `wss://${"a".repeat(300)}.example`,
    "relay.example",
    "https://a.b",
    "wss://é.b",
    "",
  ]) {
    assert.throws(() => encodeNprofile({ ...profile, relays: [bad] }), refused);
    assert.throws(() => encodeNaddr({ ...address, relays: [bad] }), refused);
  }
  for (const bad of [-1, 65_536, 1.5, NaN]) {
    assert.throws(() => encodeNaddr({ ...address, kind: bad }), refused);
    assert.throws(() => encodeNevent({ id: ID, relays: [], kind: bad }), refused);
  }
  for (const bad of ["x".repeat(256), "é".repeat(128), "\ud800"]) {
    assert.throws(() => encodeNaddr({ ...address, identifier: bad }), refused);
  }
  const many = Array.from({ length: 200 }, (_, i) => `wss://relay-${i}.example`);
  assert.throws(() => encodeNprofile({ ...profile, relays: many }), {
    ...refused,
    message: /more than 5000 characters/,
  });
});
