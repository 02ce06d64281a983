import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import * as fc from "fast-check";

import { OpenAgentsError } from "../../src/core/errors.ts";
import type { ErrorCode } from "../../src/core/errors.ts";
import { sha256Hex } from "../../src/core/hash.ts";
import { canonicalJson } from "../../src/core/json.ts";
import { openKeyfile, sealKeyfile } from "../../src/identity/keyfile.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";

const MNEMONIC = newMnemonic();
const PASSPHRASE = "correct horse battery staple \u212b";
const plain = await sealKeyfile(MNEMONIC, undefined);
const sealed = await sealKeyfile(MNEMONIC, PASSPHRASE);

/** The text after `change`, with a checksum that fits again, as a forger would write it. */
function forged(text: string, change: (file: Record<string, never>) => object): string {
  const { checksum: _, ...file } = change(JSON.parse(text) as Record<string, never>) as Record<
    string,
    unknown
  >;
  return JSON.stringify({ ...file, checksum: sha256Hex(canonicalJson(file)) });
}

async function refused(
  opening: Promise<string>,
  code: ErrorCode,
  message: RegExp = /./,
): Promise<void> {
  await assert.rejects(opening, (error) => {
    assert.ok(error instanceof OpenAgentsError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, /^Cannot open keyfile: /);
    assert.match(error.message, message);
    const shown = inspect(error, { depth: Infinity, showHidden: true });
    for (const word of MNEMONIC.split(" ").slice(0, 23)) {
      assert.ok(!shown.includes(`${word} `.repeat(2)), shown);
    }
    assert.ok(!shown.includes(MNEMONIC.slice(0, 12)) && !shown.includes("horse"), shown);
    return true;
  });
}

void test("openKeyfile() gives back what sealKeyfile() was given, plain and encrypted", async () => {
  assert.equal(await openKeyfile(plain, undefined), MNEMONIC);
  assert.equal(await openKeyfile(sealed, PASSPHRASE), MNEMONIC);
});

void test("openKeyfile() takes a passphrase however its letters are composed (NFKC)", async () => {
  assert.equal(await openKeyfile(sealed, PASSPHRASE.normalize("NFD")), MNEMONIC);
});

void test("sealKeyfile() writes no word and never the same salt or nonce when it encrypts", async () => {
  const again = await sealKeyfile(` ${MNEMONIC.toUpperCase()} `, PASSPHRASE);
  const [one, two] = [sealed, again].map(
    (text) =>
      JSON.parse(text) as {
        readonly version: number;
        readonly kdf: { readonly salt: string; readonly N: number };
        readonly cipher: { readonly nonce: string };
        readonly ciphertext: string;
      },
  );
  assert.equal(one!.version, 1);
  assert.equal(one!.kdf.N, 65_536);
  assert.notEqual(one!.kdf.salt, two!.kdf.salt);
  assert.notEqual(one!.cipher.nonce, two!.cipher.nonce);
  assert.notEqual(one!.ciphertext, two!.ciphertext);
  for (const word of MNEMONIC.split(" ")) assert.ok(!sealed.includes(` ${word}`));
  assert.equal(await openKeyfile(again, PASSPHRASE), MNEMONIC);
});

void test("sealKeyfile() refuses a bad mnemonic and an empty passphrase with INVALID", async () => {
  await assert.rejects(sealKeyfile("zoo zoo", PASSPHRASE), { code: "INVALID" });
  await assert.rejects(sealKeyfile(MNEMONIC, ""), { code: "INVALID" });
});

void test("openKeyfile() refuses a wrong, missing or needless passphrase with DENIED", async () => {
  await refused(openKeyfile(sealed, "wrong"), "DENIED", /the passphrase is wrong$/);
  await refused(openKeyfile(sealed, ""), "DENIED", /the passphrase is wrong$/);
  await refused(openKeyfile(sealed, undefined), "DENIED", /no passphrase was given$/);
  await refused(openKeyfile(plain, PASSPHRASE), "DENIED", /not encrypted, but a passphrase/);
});

void test("openKeyfile() refuses what a newer release wrote with VERSION", async () => {
  for (const text of [plain, sealed]) {
    const newer = JSON.stringify({ ...(JSON.parse(text) as object), version: 2, what: "else" });
    await refused(openKeyfile(newer, PASSPHRASE), "VERSION", /version 2, and this release knows/);
  }
});

void test("openKeyfile() refuses a file of which any letter was changed with CORRUPT", async () => {
  // The passphrase is right, so that nothing but the damage can be the reason.
  for (const [text, passphrase] of [[plain, undefined] as const, [sealed, PASSPHRASE] as const]) {
    const at = fc.nat(text.length - 1);
    const letter = fc.constantFrom(..."0123456789abcdefz{}:, ".split(""), '"', "\n", "\ud800");
    await fc.assert(
      fc.asyncProperty(at, letter, async (place, by) => {
        const changed = text.slice(0, place) + by + text.slice(place + 1);
        let code: ErrorCode = "CORRUPT";
        try {
          const file = JSON.parse(changed) as {
            readonly format?: string;
            readonly version?: number;
          };
          fc.pre(canonicalJson(file) !== canonicalJson(JSON.parse(text)));
          // A digit more in the version reads as a newer one.
          if (file.format === "openagents-keyfile" && file.version! > 1) code = "VERSION";
        } catch (error) {
          if (!(error instanceof SyntaxError || error instanceof OpenAgentsError)) throw error;
        }
        await refused(openKeyfile(changed, passphrase), code);
      }),
      { numRuns: 300 },
    );
  }
});

void test("openKeyfile() refuses a file that was cut off with CORRUPT", async () => {
  for (const text of [plain, sealed]) {
    for (let length = 0; length < text.length - 2; length += 13) {
      await refused(openKeyfile(text.slice(0, length), PASSPHRASE), "CORRUPT");
    }
  }
});

void test("openKeyfile() refuses absurd scrypt costs without paying them", async () => {
  const costs: readonly object[] = [
    { N: 2 ** 30 },
    { N: 2 ** 19 },
    { N: 2 },
    { N: 65_537 },
    { N: Infinity },
    { N: "65536" },
    { r: 1024 },
    { r: 1 },
    { p: 1000 },
    { p: 0 },
    { p: 1.5 },
    { salt: "" },
    { salt: "00" },
    { name: "pbkdf2" },
    { extra: 1 },
  ];
  const start = performance.now();
  for (const cost of costs) {
    const text = sealed.replace(/"kdf": \{[^}]*\}/, (found) => {
      const kdf = JSON.parse(found.slice(7)) as object;
      return `"kdf": ${JSON.stringify({ ...kdf, ...cost }).replace('"N":null', '"N":1e999')}`;
    });
    await refused(openKeyfile(text, PASSPHRASE), "CORRUPT", /scrypt|kdf|salt/);
  }
  assert.ok(performance.now() - start < 200, "nothing was derived");
});

void test("openKeyfile() finds a changed header by the cipher when the checksum was forged", async () => {
  const changes: readonly ((file: Record<string, never>) => object)[] = [
    (file) => ({ ...file, kdf: { ...(file["kdf"]! as object), N: 32_768 } }),
    (file) => ({ ...file, cipher: { ...(file["cipher"]! as object), nonce: "0".repeat(48) } }),
    (file) => ({ ...file, ciphertext: "0".repeat(96) }),
  ];
  for (const change of changes) {
    await refused(openKeyfile(forged(sealed, change), PASSPHRASE), "DENIED");
  }
});

void test("openKeyfile() refuses well-formed files that hold something else with CORRUPT", async () => {
  const changes: readonly ((file: Record<string, never>) => object)[] = [
    (file) => ({ ...file, mnemonic: "zoo ".repeat(12) }),
    (file) => ({ ...file, mnemonic: "\ud83d\ude00" }),
    (file) => ({ ...file, mnemonic: 5 }),
    (file) => ({ ...file, mnemonic: [MNEMONIC] }),
    (file) => ({ ...file, format: "other" }),
    (file) => ({ ...file, version: 0 }),
    (file) => ({ ...file, version: "1" }),
    (file) => ({ ...file, version: 1.5 }),
    (file) => ({ ...file, extra: true }),
    (file) => ({ ...file, ["__proto__"]: { mnemonic: MNEMONIC } }),
    (file) => ({ ...file, mnemonic: undefined }),
    (file) => [file],
  ];
  for (const change of changes) {
    await refused(openKeyfile(forged(plain, change), undefined), "CORRUPT");
  }
  const lone = plain.replace(MNEMONIC, String.raw`\ud800`);
  for (const text of [MNEMONIC, "null", "[]", "1", '""', "[".repeat(1e5), " ".repeat(1e6), lone]) {
    await refused(openKeyfile(text, undefined), "CORRUPT");
  }
});

void test("openKeyfile() throws nothing but an OpenAgentsError, whatever the text", async () => {
  const kdf = JSON.parse(sealed) as Record<string, object>;
  const part = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(...Object.values(kdf), MNEMONIC, 1, "openagents-keyfile"),
  );
  const file = fc.record(
    Object.fromEntries(
      [...Object.keys(kdf), "mnemonic", "__proto__", "toString"].map((key) => [key, part]),
    ),
    { requiredKeys: [] },
  );
  const like = file.map((members) =>
    JSON.stringify({ format: "openagents-keyfile", version: 1, ...members }),
  );
  const any = fc.oneof(fc.string({ unit: "binary" }), fc.json(), like);
  await fc.assert(
    fc.asyncProperty(any, fc.option(fc.string(), { nil: undefined }), async (text, passphrase) => {
      await assert.rejects(openKeyfile(text, passphrase), OpenAgentsError);
    }),
    { numRuns: 1000 },
  );
});
