import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { format, inspect } from "node:util";
import { serialize } from "node:v8";

import { mnemonicToSeedSync } from "@scure/bip39";
import * as nip49 from "nostr-tools/nip49";

import { errorInfo, OpenAgentsError } from "../../src/core/errors.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { agentSigner } from "../../src/identity/event-signer.ts";
import { memorySigner } from "../../src/identity/memory-signer.ts";
import { accountKeys } from "../../src/identity/nip06.ts";
import { encodeNsec } from "../../src/identity/nip19.ts";
import { conversationKey } from "../../src/identity/nip44.ts";
import { wasm } from "./setting.ts";

const MNEMONIC =
  "what bleak badge arrange retreat wolf trade produce cricket blur garlic valid proud rude strong choose busy staff weather area salt hollow arm fade";
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

void test("derivedSigner() shows no secret in print, JSON, its members or its errors", async () => {
  const signer = derivedSigner(MNEMONIC, { secp: wasm });
  const { npub: id, publicKey: own } = await signer.identity(1);
  const facts = {
    name: "agent-1",
    type: "test",
    labels: [],
    status: "live",
    createdAt: 0,
  } as const;
  const one = { id, publicKey: own, account: 1, ...facts };
  const signature = await signer.sign(one, new Uint8Array(32));
  const payload = await signer.encrypt(one, one.publicKey, new Uint8Array(9));
  const { privateKey } = accountKeys(MNEMONIC)(1);
  const nsec = encodeNsec(privateKey);
  const deep = { showHidden: true, depth: Infinity, getters: true, showProxy: true } as const;
  const shown = [
    inspect(signer, deep),
    format("%o %O %j %s", signer, signer, signer, signer),
    JSON.stringify(signer),
    JSON.stringify([await signer.identity(1), one, hex(signature), payload]),
    JSON.stringify(await signer.importKey(nsec)),
    ...Object.values(signer).map(String),
    String(derivedSigner),
    Object.getOwnPropertyNames(signer).join(" "),
  ];
  const fail = async (work: () => unknown) => {
    try {
      await work();
      assert.fail("it must throw");
    } catch (error) {
      assert.ok(error instanceof OpenAgentsError, String(error));
      shown.push(inspect(error, deep), JSON.stringify(errorInfo(error)), error.stack!);
    }
  };
  await fail(() => signer.identity(-1));
  await fail(() => signer.sign(one, new Uint8Array(1)));
  await fail(() => signer.sign({ ...one, publicKey: "00" }, new Uint8Array(32)));
  await fail(() => derivedSigner(MNEMONIC.replace("fade", "zoo")));
  await fail(() => derivedSigner(`${MNEMONIC} fade`));
  await fail(() => signer.encrypt(one, "0".repeat(64), new Uint8Array(1)));
  await fail(() => signer.decrypt(one, one.publicKey, payload.slice(0, -4)));
  await fail(() => signer.decryptLegacy!(one, one.publicKey, "x?iv=y"));
  await fail(() => signer.importKey(`${nsec.slice(0, -1)}q`));
  await fail(() => signer.importKey(nsec, "a password"));
  await fail(() => signer.importKey(nip49.encrypt(privateKey, "a password", 4), "another"));
  await fail(() => derivedSigner(MNEMONIC.replace("bleak", "bleakly")));
  assert.throws(() => serialize(signer), /could not be cloned/);

  const seed = mnemonicToSeedSync(MNEMONIC);
  const shared = conversationKey(privateKey, one.publicKey);
  const secrets = [
    ...[shared, seed, seed.slice(0, 32), privateKey].flatMap((secret) => [
      hex(secret),
      Buffer.from(secret).toString("base64"),
      [...secret].join(", ").slice(0, 40),
      [...secret].join(",").slice(0, 30),
      hex(secret).match(/../g)!.join(" ").slice(0, 40),
    ]),
    nsec,
    nsec.slice(5, 40),
    "xprv",
    MNEMONIC,
    "bleak badge",
  ];
  for (const text of shown) {
    for (const secret of secrets) assert.ok(!text.includes(secret), text);
  }
  assert.ok(Object.isFrozen(signer));
});

void test("signers of events show no secret in print, JSON or their members", async () => {
  const { privateKey, publicKey } = accountKeys(MNEMONIC)(1);
  const one = { name: "agent-1", publicKey, account: 1 };
  const deep = { showHidden: true, depth: Infinity, getters: true, showProxy: true } as const;
  for (const signer of [
    memorySigner(privateKey, { secp: wasm }),
    agentSigner(derivedSigner(MNEMONIC, { secp: wasm }), one),
  ]) {
    await signer.encrypt(publicKey, "so that a conversation is cached");
    const shown = [
      inspect(signer, deep),
      format("%o %O %j %s", signer, signer, signer, signer),
      JSON.stringify(signer),
      ...Object.values(signer).map(String),
    ].join("\n");
    for (const secret of [hex(privateKey), [...privateKey].join(", "), encodeNsec(privateKey)]) {
      assert.ok(!shown.includes(secret), shown);
    }
    assert.throws(() => serialize(signer), /could not be cloned/);
  }
});

/** Files of src by their path below it. */
const SOURCES: readonly (readonly [path: string, text: string])[] = readdirSync(
  new URL("../../src/", import.meta.url),
  { recursive: true, encoding: "utf8" },
)
  .filter((path) => path.endsWith(".ts"))
  .map((path) => [
    path.replaceAll("\\", "/"),
    readFileSync(new URL(`../../src/${path}`, import.meta.url), "utf8"),
  ]);

/** The paths of the sources, in some folders or anywhere but in identity, that match. */
function matching(pattern: RegExp, folders?: readonly string[]): readonly string[] {
  return SOURCES.filter(([path, text]) => {
    const [folder] = path.split("/") as [string];
    return folder !== "identity" && folders?.includes(folder) !== false && pattern.test(text);
  }).map(([path]) => path);
}

void test("nothing but src/identity knows of agents' private keys", () => {
  assert.deepEqual(matching(/\b(accountKeys|KeyPair|decodeNsec|decodeNcryptsec)\b/), []);
  const folders = ["core", "control", "memory", "models", "stores", "vfs"];
  assert.deepEqual(matching(/\b(privateKey|secretKey|private_key)\b/, folders), []);
  assert.ok(matching(/\bsigner\b/, ["core"]).length > 5, "the sources were read");
});

void test("the signer port gives nothing that is private", () => {
  const [, ports] = SOURCES.find(([path]) => path === "core/ports/index.ts")!;
  const port = /export interface Signer \{\n([\s\S]*?)\n\}/.exec(ports)![1]!;
  const results = [...port.matchAll(/^  (\w+)\??\(.*\): (.*);$/gm)].map(
    ([, name, result]) => `${name}: ${result}`,
  );
  // What is sealed or encrypted is for those who have a key; a change here is to be thought over.
  assert.deepEqual(results, [
    "identity: Promise<Identity>",
    "home: Promise<Identity>",
    "npub: string",
    "publicKey: string | undefined",
    "sign: Promise<Uint8Array>",
    "encrypt: Promise<string>",
    "decrypt: Promise<Uint8Array>",
    "decryptLegacy: Promise<string>",
    "seal: Promise<string>",
    "adopt: Promise<string>",
    "importKey: Promise<ImportedKey>",
    "exportKey: Promise<string>",
    "sealSecret: Promise<string>",
    "openSecret: Promise<string>",
    "verify: boolean",
    "isPoint: boolean",
  ]);
});
