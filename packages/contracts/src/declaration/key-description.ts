// Tells where a key function finds the key, by letting it read from data that notes what is read. A key that moves to
// another place breaks order and deduplication without any schema showing it.

/**
 * A template of JSON Pointers: `{/orderId}`, or `{/tenant}:{/id}` for a key that is put together.
 * Undefined when the function needs real data.
 */
export function describeKey(key: (data: unknown) => unknown): string | undefined {
  try {
    const found = key(recorderAt(""));
    const text = pointers.get(found as object) ?? found;
    return typeof text === "string" && text.includes("{/") ? text : undefined;
  } catch {
    return undefined;
  }
}

const pointers = new WeakMap<object, string>();

function recorderAt(pointer: string): object {
  const text = `{${pointer}}`;
  const recorder: object = new Proxy(Object.freeze({}), {
    get: (_target, name) => {
      if (name === Symbol.toPrimitive || name === "toString") {
        return () => text;
      }
      return typeof name === "symbol" ? undefined : recorderAt(`${pointer}/${name}`);
    },
  });
  pointers.set(recorder, text);
  return recorder;
}
