// Durations for people: two digits that count, in the unit that fits.

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

export function formatMs(ms: number): string {
  if (ms < secondMs) {
    return `${ms} ms`;
  }
  if (ms < minuteMs) {
    return `${(ms / secondMs).toFixed(ms < 10 * secondMs ? 2 : 1)} s`;
  }
  const [unit, next, size, part] =
    ms < hourMs
      ? (["min", "s", minuteMs, secondMs] as const)
      : ms < dayMs
        ? (["h", "min", hourMs, minuteMs] as const)
        : (["d", "h", dayMs, hourMs] as const);
  return `${Math.floor(ms / size)} ${unit} ${Math.floor((ms % size) / part)} ${next}`;
}
