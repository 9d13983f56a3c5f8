/**
 * Resolves when one of the promises does, or rejects when one does. Unlike `Promise.race()`, it
 * leaves nothing behind with those that go on, however often one is waited for.
 */
export async function firstOf(
  promises: readonly Promise<unknown>[],
): Promise<void> {
  const { promise: first, resolve, reject } = Promise.withResolvers<void>();
  const waiter = { resolve, reject };
  for (const promise of promises) waitersOf(promise).add(waiter);
  try {
    await first;
  } finally {
    for (const promise of promises) waiters.get(promise)?.delete(waiter);
  }
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

const waiters = new WeakMap<Promise<unknown>, Set<Waiter>>();

function waitersOf(promise: Promise<unknown>): Set<Waiter> {
  const known = waiters.get(promise);
  if (known !== undefined) return known;
  const all = new Set<Waiter>();
  waiters.set(promise, all);
  promise.then(
    () => {
      waiters.delete(promise);
      for (const { resolve } of all) resolve();
    },
    (reason) => {
      waiters.delete(promise);
      for (const { reject } of all) reject(reason);
    },
  );
  return all;
}
