// Who should have which partition: everybody the same share, and nobody moves more than that takes.

export interface Ownership {
  readonly me: string;
  readonly partitions: number;
  /** Instances that are alive, this one among them. */
  readonly members: readonly string[];
  /** Partitions that this instance has. */
  readonly mine: readonly number[];
  /** Partitions that nobody has: never claimed, given up, or their owner is gone. */
  readonly free: readonly number[];
}

export interface AssignmentChange {
  readonly claim: readonly number[];
  readonly giveUp: readonly number[];
}

/** What this instance should do now. Each instance decides by itself; shares add up, so all of them agree in the end. */
export function decideAssignment({ me, partitions, members, mine, free }: Ownership): AssignmentChange {
  const ranked = [...new Set([...members, me])].sort();
  const rank = ranked.indexOf(me);
  const share = Math.floor(partitions / ranked.length) + (rank < partitions % ranked.length ? 1 : 0);
  return {
    claim: free.slice(0, Math.max(0, share - mine.length)),
    giveUp: mine.slice(share),
  };
}
