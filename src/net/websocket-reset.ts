/**
 * Lets an aborted WebSocket end. js-libp2p closes it with the code 1006, which applications may not use:
 * `close` throws, and the socket stays open as long as the other side likes.
 */
import type { MultiaddrConnection } from '@libp2p/interface';

interface WebSocketInside {
  readonly websocket?: {
    close(): void;
    /** In Node: at once, without waiting for the other side. */
    terminate?(): void;
  };
  sendReset(): void;
}

export function mendReset(connection: MultiaddrConnection): void {
  const inside = connection as unknown as WebSocketInside;
  const { websocket } = inside;
  if (websocket === undefined) return;
  inside.sendReset = () => (websocket.terminate === undefined ? websocket.close() : websocket.terminate());
}
