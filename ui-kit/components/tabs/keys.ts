/** The tab that a key leads to from tab `from`, skipping those that cannot be chosen; null when the key means nothing here. */
export function nextTab(key: string, from: number, usable: boolean[]): number | null {
  const count = usable.length;
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: 1, End: -1 }[key];
  if (step === undefined || from < 0 || count === 0) return null;
  let index = key === "Home" ? -1 : key === "End" ? count : from;
  for (let tries = 0; tries < count; tries++) {
    index = (index + step + count) % count;
    if (usable[index]) return index;
  }
  return null;
}
