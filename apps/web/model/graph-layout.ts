/** Places of peers in the graph, self in the middle, by d3-force; still once it is placed. */
import { forceCollide, forceLink, forceManyBody, forceRadial, forceSimulation } from 'd3-force';

export interface Place {
  readonly id: string;
  readonly x: number;
  readonly y: number;
}

interface Node {
  id: string;
  x: number;
  y: number;
  fx?: number;
  fy?: number;
}

const SELF = '';
const TICKS = 160;

/**
 * Peers around the origin within `radius`. Those that had a place before start from it, so that
 * somebody's coming or going moves the others little. Same input, same picture.
 */
export function placePeers(
  ids: readonly string[],
  radius: number,
  before: ReadonlyMap<string, Place>,
): ReadonlyMap<string, Place> {
  const nodes: Node[] = ids.map((id, index) => {
    const angle = (index / ids.length) * 2 * Math.PI - Math.PI / 2;
    const old = before.get(id);
    return { id, x: old?.x ?? radius * Math.cos(angle), y: old?.y ?? radius * Math.sin(angle) };
  });
  const self: Node = { id: SELF, x: 0, y: 0, fx: 0, fy: 0 };
  const links = ids.map((id) => ({ source: SELF, target: id }));
  forceSimulation([self, ...nodes])
    .force(
      'link',
      forceLink<Node, { source: string; target: string }>(links)
        .id((node) => node.id)
        .distance(radius)
        .strength(0.6),
    )
    .force('charge', forceManyBody().strength(-500))
    .force(
      'ring',
      forceRadial<Node>(radius, 0, 0).strength((node) => (node.id === SELF ? 0 : 0.8)),
    )
    .force('collide', forceCollide(30))
    .stop()
    .tick(TICKS);
  return new Map(nodes.map(({ id, x, y }) => [id, { id, x, y }]));
}
