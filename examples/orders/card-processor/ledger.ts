// The processor's own record of the money it moved: one line of JSON an entry, written before anybody is answered.

import { closeSync, openSync, readFileSync, truncateSync, writeSync } from "node:fs";

export type LedgerEntry =
  | {
      readonly kind: "captured";
      readonly key: string;
      readonly paymentId: string;
      readonly amountCents: number;
      readonly currency: string;
    }
  | { readonly kind: "declined"; readonly key: string; readonly reason: string }
  | { readonly kind: "refunded"; readonly key: string; readonly paymentId: string; readonly amountCents: number }
  | { readonly kind: "voided"; readonly key: string };

export interface Ledger extends Disposable {
  readonly entries: readonly LedgerEntry[];
  append(entry: LedgerEntry): void;
}

/** Goes on where the file ends. A last line that was cut off was never answered for, and is dropped. */
export function openLedger(path: string): Ledger {
  const text = readOrEmpty(path);
  const complete = text.slice(0, text.lastIndexOf("\n") + 1);
  if (complete.length < text.length) {
    truncateSync(path, Buffer.byteLength(complete));
  }
  const entries = complete
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as LedgerEntry);
  const file = openSync(path, "a");
  return {
    entries,
    append(entry) {
      writeSync(file, `${JSON.stringify(entry)}\n`);
      entries.push(entry);
    },
    [Symbol.dispose]: () => closeSync(file),
  };
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return "";
    }
    throw error;
  }
}
