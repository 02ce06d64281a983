type Fetch = typeof globalThis.fetch;

/**
 * A fetch whose failed responses do not have the key that was sent, as a provider may say which key is wrong: what
 * it says is in the error, and so on the record. What has not failed passes as it is.
 */
export function keylessErrors(fetch: Fetch | undefined, key: string, name: string): Fetch {
  return async (input, init) => {
    const response = await (fetch ?? globalThis.fetch)(input, init);
    if (response.ok || response.body === null) return response;
    const headers = new Headers(response.headers);
    // Of what comes now they say nothing.
    for (const header of ["content-length", "content-encoding"]) headers.delete(header);
    const { status, statusText } = response;
    const body = response.body.pipeThrough(without(key, `[secret ${name}]`));
    return new Response(body, { status, statusText, headers });
  };
}

/** Replaces a text in what comes bit by bit, and keeps back no more than may be its beginning. */
function without(
  key: string,
  mark: string,
): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let kept = "";
  return new TransformStream({
    transform(chunk, controller) {
      const text = (kept + decoder.decode(chunk, { stream: true })).replaceAll(key, () => mark);
      kept = text.slice(text.length - begun(text, key));
      const clean = text.slice(0, text.length - kept.length);
      if (clean !== "") controller.enqueue(encoder.encode(clean));
    },
    flush(controller) {
      const rest = (kept + decoder.decode()).replaceAll(key, () => mark);
      if (rest !== "") controller.enqueue(encoder.encode(rest));
    },
  });
}

/** How many characters at the end of a text are the beginning of another one. */
function begun(text: string, other: string): number {
  let at = Math.max(0, text.length - other.length + 1);
  while (at < text.length && !other.startsWith(text.slice(at))) {
    const next = text.indexOf(other.charAt(0), at + 1);
    at = next === -1 ? text.length : next;
  }
  return text.length - at;
}
