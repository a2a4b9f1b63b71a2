// A drawing without its canvas: strokes, undo, sizes.
export interface Point {
  x: number;
  y: number;
}

export interface Stroke {
  size: number;
  points: Point[];
}

type Step = { strokes: Stroke[] };

export class Drawing {
  strokes: Stroke[] = [];
  private readonly past: Step[] = [];

  constructor(private readonly most: number) {}

  get empty(): boolean {
    return this.strokes.length === 0;
  }

  get canUndo(): boolean {
    return this.past.length > 0;
  }

  private remember(): void {
    this.past.push({ strokes: this.strokes });
    if (this.past.length > this.most) this.past.shift();
  }

  add(stroke: Stroke): void {
    this.remember();
    this.strokes = [...this.strokes, stroke];
  }

  undo(): void {
    const step = this.past.pop();
    if (step) this.strokes = step.strokes;
  }

  /** Takes everything away; undo brings it back. */
  clear(): void {
    if (this.strokes.length) this.remember();
    this.strokes = [];
  }
}

const DEFAULT_SIDE = 320;
const MOST_SIDE = 2048;

function side(value: unknown): number {
  return typeof value === "number" && value >= 1 ? Math.min(MOST_SIDE, Math.round(value)) : DEFAULT_SIDE;
}

/** Width and height of the sheet from the `canvas_size` property. */
export function canvasSize(value: unknown): [number, number] {
  return Array.isArray(value) ? [side(value[0]), side(value[1])] : [DEFAULT_SIDE, DEFAULT_SIDE];
}

/** The brush at first and the thickest one. */
export function brushOf(value: unknown, width: number): { initial: number; largest: number } {
  const initial = typeof value === "number" && value >= 1 ? Math.round(value) : Math.max(2, Math.round(width / 16));
  return { initial, largest: Math.max(initial * 3, 8) };
}
