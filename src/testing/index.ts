/** For tests of applications that embed Aver: whole peers in one process, and time and chance under control. */
export { systemClock } from '../base/system-clock.ts';
export { systemRandom } from '../base/system-random.ts';
export { MemoryHub, type MemoryHubOptions } from '../net/memory-hub.ts';
export { memoryStore } from '../store/memory.ts';
export { createMemoryPeer, type MemoryPeerOptions } from './memory-peer.ts';
export { SeededRandom } from './seeded-random.ts';
export { VirtualClock } from './virtual-clock.ts';
