/** Export of the space as a file, and import of such a file. */
import { useSignal } from '@preact/signals';
import type { ImportReport } from '../../../src/peer/api.ts';
import { formatBytes, formatCount } from '../model/format.ts';
import { errorNotice, type Notice } from '../model/notice.ts';
import { download, fileChunks } from '../model/saved.ts';
import { type OfSpace, useSession } from './context.ts';
import { NoticeBox } from './notices.tsx';

export function TransferCard({ model }: OfSpace) {
  const session = useSession();
  const busy = useSignal('');
  const outcome = useSignal<Notice | undefined>(undefined);
  const run = async (what: string, work: () => Promise<string>) => {
    busy.value = what;
    outcome.value = undefined;
    try {
      outcome.value = { kind: 'done', message: await work() };
    } catch (error) {
      outcome.value = errorNotice(error);
    }
    busy.value = '';
  };
  const exportSpace = () =>
    run('Exporting…', async () => {
      const size = await download(fileName(model.space.name), model.space.export());
      return `Exported ${formatBytes(size)}.`;
    });
  const importFile = (input: HTMLInputElement) => {
    const [file] = input.files ?? [];
    input.value = '';
    if (file !== undefined)
      void run('Importing…', async () => reportText(await session.import(fileChunks(file))));
  };
  return (
    <section class="card" aria-label="Export and import">
      <header class="card-head">
        <h2>Export and import</h2>
      </header>
      <p class="muted">
        An export holds all assertions with their signatures: any peer can take it in, and the root is the
        same.
      </p>
      <div class="row">
        <button type="button" class="button" disabled={busy.value !== ''} onClick={exportSpace}>
          Export this space
        </button>
        <label class="button file-button">
          Import a file
          <input
            type="file"
            class="sr-only"
            disabled={busy.value !== ''}
            onChange={(event) => importFile(event.currentTarget)}
          />
        </label>
      </div>
      {busy.value !== '' && <p role="status">{busy.value}</p>}
      {outcome.value !== undefined && <NoticeBox notice={outcome.value} />}
    </section>
  );
}

function fileName(space: string): string {
  const safe = space.replaceAll(/[^\p{L}\p{N}._-]+/gu, '-').slice(0, 60) || 'space';
  return `${safe}.aver`;
}

function reportText(report: ImportReport): string {
  const { accepted, known, refused, refusals, pending } = report;
  const codes = [...new Set(refusals.map(({ code }) => code))].join(', ');
  const parts = [
    `${formatCount(accepted)} taken in`,
    `${formatCount(known)} known already`,
    refused > 0 ? `${formatCount(refused)} refused (${codes})` : '',
    pending > 0 ? `${formatCount(pending)} waiting for others` : '',
  ];
  return `Imported: ${parts.filter((part) => part !== '').join(', ')}.`;
}
