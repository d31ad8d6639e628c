/**
 * Results of functions are made anew each time: what is equal to what was there before is put in its place, so that who
 * compares by identity sees what has changed.
 */

/** `next`, with the parts of `before` that are equal. */
export function share<T>(before: unknown, next: T): T {
  if (Object.is(before, next) || typeof before !== "object" || typeof next !== "object") return next;
  if (before === null || next === null) return next;
  if (Array.isArray(next)) return Array.isArray(before) ? (shareArray(before, next) as T) : next;
  if (next instanceof ArrayBuffer) {
    return before instanceof ArrayBuffer && isEqualBytes(before, next) ? (before as T) : next;
  }
  return isPlain(before) && isPlain(next) ? (shareObject(before, next) as T) : next;
}

/** Whether all that an object is can be seen in its fields: not a Map, a Date or an object of a class. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function shareArray(before: readonly unknown[], next: unknown[]): readonly unknown[] {
  // Documents keep their identity wherever they have moved to.
  let byId: Map<unknown, unknown> | undefined;
  let isSame = before.length === next.length;
  const shared = next.map((item, index) => {
    let candidate = before[index];
    const id = idOf(item);
    if (id !== undefined && idOf(candidate) !== id) {
      byId ??= new Map(before.map((known) => [idOf(known), known]));
      candidate = byId.get(id);
    }
    const result = share(candidate, item);
    isSame &&= Object.is(result, before[index]);
    return result;
  });
  return isSame ? before : shared;
}

function idOf(value: unknown): unknown {
  return typeof value === "object" && value !== null ? (value as { _id?: unknown })._id : undefined;
}

function shareObject(before: object, next: object): object {
  const known = before as Record<string, unknown>;
  const names = Object.keys(next);
  let isSame = names.length === Object.keys(known).length;
  const shared: Record<string, unknown> = {};
  for (const name of names) {
    const has = Object.hasOwn(known, name);
    const value = share(has ? known[name] : undefined, (next as Record<string, unknown>)[name]);
    isSame &&= has && Object.is(value, known[name]);
    // `__proto__` would set the prototype.
    Object.defineProperty(shared, name, { value, enumerable: true, writable: true, configurable: true });
  }
  return isSame ? before : shared;
}

function isEqualBytes(before: ArrayBuffer, next: ArrayBuffer): boolean {
  if (before.byteLength !== next.byteLength) return false;
  const bytes = new Uint8Array(before);
  return new Uint8Array(next).every((byte, index) => byte === bytes[index]);
}
