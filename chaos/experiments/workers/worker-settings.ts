// What every worker does: reads its settings, says when it is ready, ends with its parent.

export interface CommonSettings {
  readonly name: string;
  readonly url: string;
  readonly effects: string;
}

export function readSettings<Settings extends CommonSettings>(): Settings {
  process.once("disconnect", () => process.exit(1));
  return JSON.parse(process.argv[2] ?? "{}") as Settings;
}

export function sayReady(): void {
  process.send?.("ready");
}
