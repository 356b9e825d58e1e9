/** Bytes that went over this process's TCP sockets: what a protocol really costs on the wire. */
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

const sockets = new Set<Socket>();

for (const channel of ['net.client.socket', 'net.server.socket']) {
  subscribe(channel, (message) => sockets.add((message as { socket: Socket }).socket));
}

export function socketBytes(): { readonly read: number; readonly written: number } {
  let read = 0;
  let written = 0;
  for (const socket of sockets) {
    read += socket.bytesRead;
    written += socket.bytesWritten;
  }
  return { read, written };
}
