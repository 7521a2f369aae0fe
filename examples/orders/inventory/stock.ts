// The stock and who has what set aside. In memory for now, behind the seam that a database will take.

/** An item and how many of it. */
export interface Line {
  readonly sku: string;
  readonly quantity: number;
}

export interface Shortage {
  readonly sku: string;
  readonly requested: number;
  readonly available: number;
}

export interface Stock {
  /** Sets everything aside or nothing; asked again for the same order, it gives the same answer and takes no more. */
  reserve(orderId: string, lines: readonly Line[]): Promise<readonly Shortage[]>;
  /** Puts back what is set aside for the order; nothing to put back is fine. */
  release(orderId: string): Promise<void>;
  /** Undefined for what was never in stock. */
  available(sku: string): Promise<number | undefined>;
}

export function createStockInMemory(initial: Readonly<Record<string, number>>): Stock {
  const available = new Map(Object.entries(initial));
  const reservations = new Map<string, readonly Line[]>();
  const change = (lines: readonly Line[], sign: 1 | -1) => {
    for (const { sku, quantity } of lines) {
      available.set(sku, (available.get(sku) ?? 0) + sign * quantity);
    }
  };
  return {
    async reserve(orderId, lines) {
      if (reservations.has(orderId)) {
        return [];
      }
      const shortages = sumBySku(lines).flatMap(({ sku, quantity }) => {
        const left = available.get(sku) ?? 0;
        return left < quantity ? [{ sku, requested: quantity, available: left }] : [];
      });
      if (shortages.length === 0) {
        reservations.set(orderId, lines);
        change(lines, -1);
      }
      return shortages;
    },
    async release(orderId) {
      change(reservations.get(orderId) ?? [], 1);
      reservations.delete(orderId);
    },
    async available(sku) {
      return available.get(sku);
    },
  };
}

/** One order may name an item twice. */
function sumBySku(lines: readonly Line[]): Line[] {
  const sums = new Map<string, number>();
  for (const { sku, quantity } of lines) {
    sums.set(sku, (sums.get(sku) ?? 0) + quantity);
  }
  return [...sums].map(([sku, quantity]) => ({ sku, quantity }));
}
