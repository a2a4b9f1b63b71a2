// The badge beside a demo's name. The server wrote the stage of the moment it made the page; a visitor's first call wakes the
// demo, and then the badge must not go on saying that it sleeps.

/** How long a demo's page waits after being told before it looks, and between two looks while the badge says "Running". */
export const lookAfterMs = 500;
export const lookAgainMs = 10_000;

export interface Badge {
  kind: "live" | "asleep" | "paused" | "failed" | "busy";
  label: string;
}

const badges: { [stage: string]: Badge } = {
  RUNNING: { kind: "live", label: "Running" },
  SLEEPING: { kind: "asleep", label: "Sleeping" },
  PAUSED: { kind: "paused", label: "Paused" },
  APP_STARTING: { kind: "busy", label: "Starting" },
  RUNNING_BUILDING: { kind: "busy", label: "Updating" },
  RUNTIME_ERROR: { kind: "failed", label: "Stopped by an error" },
};

/** What the badge shows for an answer of `/api/spaces/…/runtime`; null: leave it as it is. */
export function readBadge(answer: unknown): Badge | null {
  if (typeof answer !== "object" || answer === null) return null;
  const { stage } = answer as { stage?: unknown };
  return typeof stage === "string" && Object.hasOwn(badges, stage) ? (badges[stage] ?? null) : null;
}
