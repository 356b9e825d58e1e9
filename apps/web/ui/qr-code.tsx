/** A text as a QR code, one path, dark on light in both colour schemes so that cameras read it. */
import { encode } from 'uqr';

/** What a QR code of the largest kind holds, in bytes, with the weakest correction. */
const BYTES_MAX = 2900;

export function QrCode({ text, label }: { readonly text: string; readonly label: string }) {
  if (text.length > BYTES_MAX) return <p class="hint">This invite is too long for a QR code.</p>;
  const { data, size } = encode(text, { border: 2 });
  const path = data.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ''))).join('');
  return (
    <svg
      class="qr"
      role="img"
      aria-label={label}
      viewBox={`0 0 ${size} ${size}`}
      shape-rendering="crispEdges"
    >
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}
