/** The few line icons, drawn on a grid of 20. Always beside a word or under a label. */
const PATHS = {
  chevron: 'M8 5l5 5-5 5',
  close: 'M5 5l10 10M15 5L5 15',
  plus: 'M10 4v12M4 10h12',
  join: 'M3 10h9M9 6l4 4-4 4M12 3h5v14h-5',
  share: 'M10 13V3M6.5 6L10 2.8 13.5 6M4 10v7h12v-7',
  copy: 'M7 7h9v10H7zM4 13V3h9',
  check: 'M4 10.5l4 4 8-9',
  refresh: 'M16 10a6 6 0 1 1-2-4.5M14 2v4h-4',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" width="16" height="16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
