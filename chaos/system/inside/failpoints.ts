// Names that the chaos suite and what it loads into the services share.

/** Between which two steps a process dies. */
export const failpoints = ["commit-ack", "commit-publish", "publish-mark"] as const;
export type Failpoint = (typeof failpoints)[number];

/** Bugs that the checker has to see. */
export const plantedBugs = ["ack-before-commit", "publish-outside"] as const;
export type PlantedBug = (typeof plantedBugs)[number];

export const plantedBugVariable = "CHAOS_PLANTED_BUG";

export function isPlantedBug(name: string | undefined): name is PlantedBug {
  return (plantedBugs as readonly (string | undefined)[]).includes(name);
}
