// The real store, with the places marked at which a process may die, and with a bug where one is planted.

import type { EventToHandle, Store, StoreConnection, UnitOfWork } from "@throughline/core";
import { type PostgresOptions, postgres as realPostgres } from "@throughline/postgres";
import { type Failpoint, isPlantedBug, type PlantedBug, plantedBugVariable } from "./failpoints.ts";

let armed: Failpoint | undefined;
process.on("message", ({ failpoint }: { failpoint?: Failpoint }) => {
  armed = failpoint;
});
// Listening alone must not keep a process that wants to end.
process.channel?.unref();

/** The process dies here if it was told to. */
function reach(failpoint: Failpoint): void {
  if (armed === failpoint) {
    process.kill(process.pid, "SIGKILL");
  }
}

export function postgres(options: PostgresOptions = {}): Store {
  const planted = process.env[plantedBugVariable];
  const bug = isPlantedBug(planted) ? planted : undefined;
  return {
    async connect(storeOptions) {
      const publish: typeof storeOptions.publish = async (message) => {
        reach("commit-publish");
        const receipt = await storeOptions.publish(message);
        reach("publish-mark");
        return receipt;
      };
      const real = await realPostgres(options).connect({ ...storeOptions, publish });
      const handle = handlersWith(bug)(real, storeOptions.publish);
      return {
        transaction: (work) => real.transaction(work),
        enqueue: (transaction, messages) => real.enqueue(transaction, messages),
        problem: () => real.problem(),
        close: () => real.close(),
        async handle(event, work) {
          const outcome = await handle(event, work);
          reach("commit-ack");
          return outcome;
        },
      };
    },
  };
}

type Handle = StoreConnection["handle"];

/** How long an effect stays uncommitted after its event was acknowledged. */
const lateCommitMs = 400;

function handlersWith(bug: PlantedBug | undefined) {
  return (real: StoreConnection, publish: (message: never) => Promise<unknown>): Handle => {
    if (bug === "ack-before-commit") {
      return (event, work) => ackBeforeCommit(real, event, work);
    }
    if (bug === "publish-outside") {
      return (event, work) =>
        real.handle(event, ({ tx }) => work({ tx, enqueue: publish as UnitOfWork["enqueue"] } as UnitOfWork) as never);
    }
    return (event, work) => real.handle(event, work);
  };
}

function ackBeforeCommit(
  real: StoreConnection,
  event: EventToHandle,
  work: (unit: UnitOfWork) => unknown,
): ReturnType<Handle> {
  return new Promise((resolve, reject) => {
    const detached = { ...event, signal: new AbortController().signal, isCurrent: () => true };
    real
      .handle(detached, async (unit) => {
        await work(unit);
        resolve("committed");
        await new Promise((later) => setTimeout(later, lateCommitMs));
      })
      .then(resolve, reject);
  });
}
