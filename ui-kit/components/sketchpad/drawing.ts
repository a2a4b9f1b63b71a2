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

const STEPS = 40; // presses of an arrow key from one side of the sheet to the other
const FINE = 4; // times as many with Shift

const ARROWS: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Where a key moves the pen to, within the sheet; null when the key does not move it. */
export function movePen(key: string, fine: boolean, from: Point, [width, height]: [number, number]): Point | null {
  const arrow = ARROWS[key];
  if (!arrow) return null;
  const step = Math.max(width, height) / (fine ? STEPS * FINE : STEPS);
  return { x: Math.min(width, Math.max(0, from.x + arrow[0] * step)), y: Math.min(height, Math.max(0, from.y + arrow[1] * step)) };
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
