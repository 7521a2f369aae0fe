// Which bodies are JSON, and which are CloudEvents as a whole. Media types know no upper and lower case.

/** Whether the body is data, one structured event, or something that cannot be read. */
export function readMediaType(mediaType: string): "json" | "structured" | "unknown" {
  if (mediaType === "application/json") {
    return "json";
  }
  const [type = ""] = mediaType.toLowerCase().split(";", 1);
  const essence = type.trim();
  if (essence === "application/cloudevents+json") {
    return "structured";
  }
  // A batch, or another format of events: a body that looks like JSON, and is no data.
  if (essence.startsWith("application/cloudevents")) {
    return "unknown";
  }
  return /^[\w.+-]+\/(?:[\w.+-]*\+)?json$/.test(essence) ? "json" : "unknown";
}
