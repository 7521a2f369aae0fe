// Figures out of samples.

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

/** The sample below which the share `q` of all samples lies. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

export function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}
