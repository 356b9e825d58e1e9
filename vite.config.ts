/**
 * Build of the web app: `apps/web` becomes `dist/web`, which the Node peer serves and a service
 * worker keeps, so that the installed app starts without any network.
 */
import preact from '@preact/preset-vite';
import { defineConfig } from 'vite';
import { VitePWA } from 'vite-plugin-pwa';

/** Where `vite dev` finds a running Node peer. */
const nodePeer = process.env.AVER_DEV_PEER ?? 'http://localhost:8080';

const pwa = VitePWA({
  // The reader decides when a new version replaces the running one: half-written facts survive.
  registerType: 'prompt',
  includeAssets: ['icon.svg', 'apple-touch-icon.png'],
  manifest: {
    id: './',
    name: 'Aver',
    short_name: 'Aver',
    description: 'A shared memory for peers that do not have to trust each other',
    start_url: './',
    scope: './',
    display: 'standalone',
    background_color: '#f6f4ee',
    theme_color: '#0d5f5c',
    categories: ['productivity', 'utilities'],
    icons: [
      { src: 'icon.svg', sizes: 'any', type: 'image/svg+xml' },
      { src: 'icon-192.png', sizes: '192x192', type: 'image/png' },
      { src: 'icon-512.png', sizes: '512x512', type: 'image/png' },
      { src: 'icon-maskable-512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' },
    ],
  },
  workbox: {
    globPatterns: ['**/*.{html,js,css,wasm,svg,png,webmanifest}'],
    globIgnores: ['**/*.map'],
    maximumFileSizeToCacheInBytes: 4 * 1024 * 1024,
    navigateFallback: 'index.html',
    // What the Node peer answers itself is never answered from the cache.
    navigateFallbackDenylist: [/\/api\//, /\/bootstrap\.json$/, /\/metrics$/, /\/(healthz|readyz)$/],
    // The view, the profile and the like are in the address, the page is the same.
    ignoreURLParametersMatching: [/.*/],
    cleanupOutdatedCaches: true,
    sourcemap: false,
  },
});

export default defineConfig({
  root: 'apps/web',
  // Relative, so that any folder of any server can hold the app.
  base: './',
  publicDir: '../../public',
  plugins: [preact({ devToolsEnabled: false }), pwa],
  build: {
    outDir: '../../dist/web',
    emptyOutDir: true,
    target: 'es2022',
    sourcemap: true,
    reportCompressedSize: true,
  },
  server: { proxy: { '/bootstrap.json': nodePeer } },
});
