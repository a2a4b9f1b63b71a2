// Numbers and states in words, as the page and the Lua half write them.
import type { Run } from "./runner.ts";
import type { ProgressItem } from "./types.ts";

/** 0.934 as "93%", 0.004 as "0.4%". */
export function percent(share: number): string {
  const value = share * 100;
  return value > 0 && value < 1 ? `${value.toFixed(1)}%` : `${Math.round(value)}%`;
}

/** Seconds as "3 s", "1:05" from a minute on. */
export function seconds(ms: number): string {
  const whole = Math.max(0, Math.floor(ms / 1000));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** The share done, or null when the item does not say. */
export function share(item: ProgressItem | undefined): number | null {
  if (!item) return null;
  if (typeof item.progress === "number") return Math.min(1, Math.max(0, item.progress));
  if (typeof item.index === "number" && item.length) return Math.min(1, Math.max(0, item.index / item.length));
  return null;
}

/** What a run does now, in a few words. */
export function runWords(run: Run, nowMs: number): string {
  if (run.state === "failed") return "Failed";
  if (run.state === "queued") {
    return run.position > 0 ? `Waiting: ${run.position} of ${run.size} before you` : "Next in line";
  }
  const item = run.progress.at(-1);
  const done = share(item);
  const words = [done === null ? "" : percent(done), item?.desc ?? "", nowMs - run.startedMs >= 1000 ? seconds(nowMs - run.startedMs) : ""];
  return words.filter((word) => word !== "").join(" · ");
}
