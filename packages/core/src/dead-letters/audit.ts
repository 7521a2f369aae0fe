// Who did what to the dead letters: a record for each step, kept for good.

import { createEventId } from "@throughline/contracts";
import type { StreamTopology, TransportConnection } from "../transport.ts";
import type { DeadLetterFilter } from "./letter-filter.ts";

export const auditStream: StreamTopology = { name: "DEAD_LETTER_AUDIT", subjects: ["dead-audit.>"], keep: {} };

/** One step of one job. */
export interface AuditRecord {
  readonly job: string;
  readonly step: "redrive-started" | "redrive-resumed" | "redrive-ended" | "discarded";
  readonly operator: string;
  readonly at: string;
  readonly filter: DeadLetterFilter;
  /** Dead letters up to this one belong to the job. */
  readonly upToSequence: number;
  readonly force?: boolean;
  readonly reason?: string;
  /** What came of it, where the step ends something. */
  readonly outcome?: object;
  /** What was discarded. */
  readonly sequences?: readonly number[];
}

export class Audit {
  readonly #connection: TransportConnection;

  constructor(connection: TransportConnection) {
    this.#connection = connection;
  }

  async write(record: AuditRecord): Promise<void> {
    await this.#connection.publish({
      subject: `dead-audit.${record.job}.${record.step}`,
      headers: new Map([["content-type", "application/json"]]),
      body: JSON.stringify(record),
      messageId: createEventId(),
    });
  }

  /** Oldest first; of one job, or of all. */
  async *read(job = "*"): AsyncGenerator<AuditRecord> {
    for await (const { message } of this.#connection.stored.read(auditStream.name, `dead-audit.${job}.*`)) {
      yield JSON.parse(Buffer.from(message.body).toString()) as AuditRecord;
    }
  }
}
