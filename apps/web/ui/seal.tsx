/**
 * A root as a picture: 16 rays whose lengths are its first bytes. Peers with equal roots carry the
 * same seal, so that one sees at a glance who holds the same facts.
 */
interface SealProps {
  readonly root: string | undefined;
  readonly size: number;
}

const RAYS = 16;

export function Seal({ root, size }: SealProps) {
  return (
    <svg class="seal" width={size} height={size} viewBox="-12 -12 24 24" aria-hidden="true">
      <path d={sealPath(root)} />
    </svg>
  );
}

/** The outline within a circle of radius 11; a plain ring without a root. */
export function sealPath(root: string | undefined): string {
  if (!root) return 'M-6 0a6 6 0 1 0 12 0a6 6 0 1 0 -12 0';
  const points: string[] = [];
  for (let ray = 0; ray < RAYS; ray++) {
    const byte = Number.parseInt(root.slice(ray * 2, ray * 2 + 2), 16) || 0;
    points.push(point(ray, 4 + (byte / 255) * 7), point(ray + 0.5, 3));
  }
  return `M${points.join('L')}Z`;
}

function point(ray: number, radius: number): string {
  const angle = (ray / RAYS) * 2 * Math.PI - Math.PI / 2;
  return `${(radius * Math.cos(angle)).toFixed(1)} ${(radius * Math.sin(angle)).toFixed(1)}`;
}
