// The header Idempotency-Key: a quoted string, as the draft has it, or bare, as most clients send it.
// @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/

const printable = /^[!-~](?:[ -~]{0,253}[!-~])?$/;
const quoted = /^"(.*)"$/;

/** Undefined where there is no header; false where it is not valid. */
export function readIdempotencyKey(header: string | undefined): string | undefined | false {
  if (header === undefined) {
    return undefined;
  }
  const key = quoted.exec(header)?.[1] ?? header;
  return printable.test(key) ? key : false;
}
