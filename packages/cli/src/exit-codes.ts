// How a command ends, for scripts; listed in its help.

export const exitCodes = {
  done: 0,
  /** Something breaks: findings, or stored events that cannot be read. */
  findings: 1,
  usage: 2,
  /** It could not be found out: a module does not load, a file cannot be read, no server answers. */
  failed: 3,
  /** Somebody pressed Ctrl-C. */
  interrupted: 130,
  /** Nobody breaks, but the lock file or the documents do not say what the code says. */
  outdated: 4,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
