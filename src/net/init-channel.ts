/**
 * A race in `@libp2p/webrtc` (6.0.33, seen in about one of seven dials between Chromium pages): the
 * dialler waits for its data channel `init` to open, and then to close. The other side closes that
 * channel as soon as it sees it, which can be before the dialler starts to wait: then the dialler
 * waits until its deadline. Channels of that name therefore tell late listeners what has happened.
 */

const DONE = Symbol.for('aver.init-channel');

/** Changes `createDataChannel` of the page once, for channels with the label `init` only. */
export function replayInitChannels(): void {
  const prototype = RTCPeerConnection.prototype as RTCPeerConnection & { [DONE]?: true };
  if (prototype[DONE] === true) return;
  prototype[DONE] = true;
  const createDataChannel = prototype.createDataChannel;
  prototype.createDataChannel = function create(label, options) {
    const channel = createDataChannel.call(this, label, options);
    if (label === 'init') replayEvents(channel);
    return channel;
  };
}

function replayEvents(channel: RTCDataChannel): void {
  const past = new Map<string, Event>();
  channel.addEventListener('open', (event) => past.set('open', event));
  channel.addEventListener('close', (event) => {
    past.set('close', event);
    if (!past.has('open')) past.set('open', event);
  });
  const addEventListener = channel.addEventListener;
  channel.addEventListener = (
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ) => {
    addEventListener.call(channel, type, listener, options);
    const event = past.get(type);
    if (event === undefined) return;
    queueMicrotask(() => {
      if (typeof listener === 'function') listener.call(channel, event);
      else listener.handleEvent(event);
    });
  };
}
