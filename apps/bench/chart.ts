/** Charts as small SVG files that can be read as text, and on light and dark pages alike. */

export interface Bars {
  readonly title: string;
  readonly unit: string;
  readonly bars: readonly BarOf[];
}

interface BarOf {
  readonly label: string;
  readonly value: number;
  /** A limit, or somebody else: drawn paler. */
  readonly isReference?: boolean;
}

export interface Lines {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly lines: readonly LineOf[];
}

interface LineOf {
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly isReference?: boolean;
}

const WIDTH = 720;
const ROW = 26;
const LEFT = 300;
const RIGHT = 110;
const TOP = 44;
const PLOT_HEIGHT = 280;
const PLOT_LEFT = 80;
const PLOT_RIGHT = WIDTH - 230;
/** Between the labels of two lines that end at one place. */
const LABEL = 15;

const STYLE = `<style>
  text { font: 13px system-ui, sans-serif; fill: #57606a }
  .title { font-weight: 600 }
  .own { fill: #3b7dd8; stroke: #3b7dd8 }
  .reference { fill: #8b949e; stroke: #8b949e }
  .axis { stroke: #8b949e; stroke-opacity: .35 }
  polyline.own, polyline.reference { fill: none; stroke-width: 2 }
  @media (prefers-color-scheme: dark) { text { fill: #b1bac4 } .own { fill: #6ea8fe; stroke: #6ea8fe } }
</style>`;

/** Horizontal bars from zero, the value behind each. */
export function barChart({ title, unit, bars }: Bars): string {
  const most = Math.max(...bars.map(({ value }) => value));
  const scale = (WIDTH - LEFT - RIGHT) / most;
  const rows = bars.flatMap(({ label, value, isReference = false }, i) => {
    const y = TOP + i * ROW;
    const width = Math.max(1, value * scale).toFixed(1);
    return [
      text(LEFT - 8, y + 14, label, 'end'),
      `<rect class="${classOf(isReference)}" x="${LEFT}" y="${y}" width="${width}" height="18" />`,
      text(LEFT + Number(width) + 6, y + 14, figure(value)),
    ];
  });
  const words = `${title}, ${unit}`;
  return svg(words, TOP + bars.length * ROW + 10, rows);
}

/** Lines over two logarithmic axes; a line of one point is a dot. */
export function lineChart({ title, x, y, lines }: Lines): string {
  const points = lines.flatMap((line) => line.points);
  const xOf = logScale(
    points.map(([value]) => value),
    PLOT_LEFT,
    PLOT_RIGHT,
  );
  const yOf = logScale(
    points.map(([, value]) => value),
    TOP + PLOT_HEIGHT,
    TOP + 10,
  );
  const bottom = TOP + PLOT_HEIGHT;
  const parts = [
    ...yOf.decades.flatMap((value) => [
      `<line class="axis" x1="${PLOT_LEFT}" x2="${PLOT_RIGHT + 10}" y1="${yOf.at(value)}" y2="${yOf.at(value)}" />`,
      text(PLOT_LEFT - 6, Number(yOf.at(value)) + 4, figure(value), 'end'),
    ]),
    ...xOf.decades.map((value) => text(Number(xOf.at(value)), bottom + 18, figure(value), 'middle')),
    ...lines.flatMap((line) => drawLine(line, xOf.at, yOf.at)),
    ...drawLabels(lines, xOf.at, yOf.at),
  ];
  return svg(`${title}: ${y} against ${x}`, bottom + 30, parts);
}

type Scale = (value: number) => string;

function drawLine({ points, isReference = false }: LineOf, xAt: Scale, yAt: Scale): string[] {
  const places = points.map(([x, y]) => [xAt(x), yAt(y)] as const);
  const name = classOf(isReference);
  const line = `<polyline class="${name}" points="${places.map((place) => place.join(',')).join(' ')}" />`;
  const dots = places.map(([x, y]) => `<circle class="${name}" cx="${x}" cy="${y}" r="3" />`);
  return dots.length > 1 ? [line, ...dots] : dots;
}

/** Each behind the last point of its line, below those that end at the same place. */
function drawLabels(lines: readonly LineOf[], xAt: Scale, yAt: Scale): string[] {
  const labels = lines.flatMap(({ label, points }) => {
    const last = points.at(-1);
    return last === undefined ? [] : [{ label, x: Number(xAt(last[0])), y: Number(yAt(last[1])) }];
  });
  const lowest = new Map<number, number>();
  return labels
    .sort((a, b) => a.y - b.y)
    .map(({ label, x, y }) => {
      const free = Math.max(y, (lowest.get(x) ?? Number.NEGATIVE_INFINITY) + LABEL);
      lowest.set(x, free);
      return text(x + 8, free + 4, label);
    });
}

function logScale(values: readonly number[], from: number, to: number) {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const at = (value: number) => (from + ((Math.log10(value) - low) / (high - low)) * (to - from)).toFixed(1);
  return { at, decades: Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)) };
}

function classOf(isReference: boolean): string {
  return isReference ? 'reference' : 'own';
}

function heading(title: string): string {
  return `<text class="title" x="12" y="24">${escaped(title)}</text>`;
}

function text(x: number, y: number, words: string, anchor = 'start'): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escaped(words)}</text>`;
}

function figure(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en', { maximumSignificantDigits: 3 });
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

function svg(title: string, height: number, parts: readonly string[]): string {
  const size = `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`;
  const all = [`<title>${escaped(title)}</title>`, STYLE, heading(title), ...parts];
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>\n${all.join('\n')}\n</svg>\n`;
}
