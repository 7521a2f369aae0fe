// What every peer does the same way: the same small order, a window of calls in flight, a rate in messages a second.

export const window = 1_024;

export function createOrder(number) {
  return {
    orderId: `order-${number}`,
    customerId: `customer-${number % 1_000}`,
    items: [
      { sku: "espresso-machine", quantity: 1, unitPriceCents: 64_900 },
      { sku: "coffee-beans", quantity: 2, unitPriceCents: 1_290 },
      { sku: "filter-paper", quantity: 4, unitPriceCents: 350 },
    ],
    currency: "EUR",
  };
}

/** Calls `send` for each number, a window of them at a time; gives calls a second. */
export async function rateOf(count, send) {
  const startedAt = performance.now();
  let next = 0;
  const worker = async () => {
    while (next < count) {
      await send(next++);
    }
  };
  await Promise.all(Array.from({ length: window }, worker));
  return (count / (performance.now() - startedAt)) * 1_000;
}

/** Counts what arrives, from the first one on; `rate` resolves with messages a second when all are there. */
export function countArrivals(count) {
  const { promise, resolve } = Promise.withResolvers();
  let arrived = 0;
  let startedAt = 0;
  const arrive = () => {
    if (arrived === 0) {
      startedAt = performance.now();
    }
    if (++arrived === count) {
      resolve((count / (performance.now() - startedAt)) * 1_000);
    }
  };
  return { arrive, rate: promise };
}

/** `node <peer> <url> <count>`: publishes, then consumes what was published; prints both rates as JSON. */
export async function report(measure) {
  const [url, count] = process.argv.slice(2);
  const figures = await measure(url, Number(count));
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  process.exit(0);
}
