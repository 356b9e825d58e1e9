/** Numbers, keys and times in the form in which the pages show them. */
import type { Transport } from '../../../src/base/ports.ts';

export const shortKey = (hex: string): string => hex.slice(0, 8);
/** Peer ids share their first characters, so the last ones tell them apart. */
export const shortPeer = (id: string): string => (id.length > 10 ? `…${id.slice(-8)}` : id);

/** Hue of an author's chip, in degrees. */
export const keyHue = (hex: string): number => (Number.parseInt(hex.slice(0, 4) || '0', 16) * 137.508) % 360;

const count = new Intl.NumberFormat('en');
export const formatCount = (value: number): string => count.format(value);
export const plural = (value: number, one: string, many = `${one}s`): string =>
  `${formatCount(value)} ${value === 1 ? one : many}`;

export function formatBytes(bytes: number | undefined): string {
  if (bytes === undefined) return 'unknown';
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function formatDuration(ms: number): string {
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** The time of today, else the day. */
export function formatTime(ms: number, nowMs: number): string {
  const date = new Date(ms);
  return date.toDateString() === new Date(nowMs).toDateString() ? clock.format(date) : day.format(date);
}
export const formatFullTime = (ms: number): string => full.format(new Date(ms));
export const formatAgo = (ms: number | undefined, nowMs: number): string =>
  ms === undefined ? 'never' : nowMs - ms < 1000 ? 'just now' : `${formatDuration(nowMs - ms)} ago`;

const TRANSPORTS: Record<Transport, string> = {
  webrtc: 'WebRTC',
  'webrtc-direct': 'WebRTC direct',
  websocket: 'WebSocket',
  tcp: 'TCP',
  memory: 'memory',
  other: 'other',
};
export const transportName = (transport: Transport): string => TRANSPORTS[transport];
