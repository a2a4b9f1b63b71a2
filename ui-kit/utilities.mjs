// Classes that carry a number, because pages may not have style attributes (see src/markup.md).
function* steps(from, to, by) {
  for (let n = from; n <= to; n += by) yield n;
}

export function utilities() {
  const rules = [];
  for (const n of steps(0, 12, 1)) rules.push(`.vt-scale-${n}{flex-grow:${n}}`);
  for (const n of steps(0, 960, 40)) rules.push(`.vt-minw-${n}{--vt-min:${n}px}`);
  for (const n of steps(40, 1200, 20)) rules.push(`.vt-h-${n}{height:${n}px}`);
  for (const n of steps(1, 12, 1)) rules.push(`.vt-keep-${n}{--vt-rows:${n}}`);
  return rules.join("\n");
}
