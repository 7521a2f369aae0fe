// What is known of the handling that published an event, carried as one header: a journey can tell waits from work
// from the stored events alone, without any span.

/** Facts about the handling of the causing event. */
export interface HandlingFacts {
  /** The durable consumer that handled it: `<service>-<subscription>`. */
  readonly durable: string;
  readonly attempt: number;
  /** When this attempt's delivery reached the handler, in ms since 1970. */
  readonly receivedAtMs: number;
}

export const handlingHeader = {
  name: "throughline-handling",
  format({ durable, attempt, receivedAtMs }: HandlingFacts): string {
    return `${durable};attempt=${attempt};received=${receivedAtMs}`;
  },
} as const;
