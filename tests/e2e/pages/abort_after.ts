/**
 * As a failing disk does it: such a request is taken, and its transaction is aborted later, with an error of this
 * name. Gives what ends the trouble, and tells how many there were.
 */
export function abortAfter(method: "add" | "put" | "getAll", store: string, error?: string): () => number {
  const stores = IDBObjectStore.prototype as unknown as Record<string, (...args: unknown[]) => IDBRequest>;
  const transactions = IDBTransaction.prototype;
  const [request, commit] = [stores[method]!, Object.getOwnPropertyDescriptor(transactions, "commit")!];
  const doomed = new WeakSet<IDBTransaction>();
  let count = 0;
  transactions.commit = function () {
    if (!doomed.has(this)) (commit.value as () => void).call(this);
  };
  stores[method] = function (this: IDBObjectStore, ...args) {
    const { transaction } = this;
    const begun = request.apply(this, args);
    if (this.name === store) {
      count += 1;
      doomed.add(transaction);
      begun.addEventListener("success", () => {
        if (error) Object.defineProperty(transaction, "error", { value: new DOMException("It failed.", error) });
        transaction.abort();
      });
    }
    return begun;
  };
  return () => {
    stores[method] = request;
    Object.defineProperty(transactions, "commit", commit);
    return count;
  };
}
