// Tells the terminal what is going on, on standard error, so that standard output stays clean for results.

const tickMs = 1_000;

/** Runs one step; says so when it takes longer than a moment, and how long it took. */
export async function runStep<Result>(name: string, action: () => Promise<Result>): Promise<Result> {
  const startedAt = performance.now();
  const seconds = () => `${((performance.now() - startedAt) / 1_000).toFixed(1)} s`;
  const ticker = setInterval(() => report(`  … ${name}, ${seconds()}`), tickMs);
  try {
    const result = await action();
    report(`✓ ${name}, ${seconds()}`);
    return result;
  } catch (error) {
    report(`✗ ${name}, ${seconds()}`);
    throw error;
  } finally {
    clearInterval(ticker);
  }
}

export function report(line: string): void {
  process.stderr.write(`${line}\n`);
}
