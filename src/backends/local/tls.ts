import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { OpenAgentsError } from "../../core/errors.ts";

/** The files of a server's certificate, in PEM. */
export interface TlsFiles {
  /** The certificate, and after it those that it is signed by, if any. */
  readonly cert: string;
  readonly key: string;
}

/** What the files have in them. */
export interface TlsText {
  readonly cert: string;
  readonly key: string;
}

/** @throws CONFIG for files that cannot be read, are no PEM, or do not go with each other */
export function readTls({ cert, key }: TlsFiles): TlsText {
  const text = { cert: read(cert, "certificate"), key: read(key, "key") };
  try {
    createSecureContext(text);
    return text;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why =
      code === "ERR_OSSL_X509_KEY_VALUES_MISMATCH"
        ? `the key in "${key}" is not that of the certificate in "${cert}": give the two that were made together`
        : `"${cert}" and "${key}" are no certificate and key in PEM (${message})`;
    throw new OpenAgentsError("CONFIG", `Cannot use TLS: ${why}`, { cause: error });
  }
}

function read(path: string, what: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new OpenAgentsError(
      "CONFIG",
      `Cannot read TLS ${what} "${path}": ${(error as Error).message}`,
      { cause: error },
    );
  }
}
