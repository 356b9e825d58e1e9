/** What this platform cannot do, with what to do about it. */
import { useSession } from './context.ts';
import { NoticeBox } from './notices.tsx';

export function ProblemsCard() {
  const problems = useSession().info.value?.problems ?? [];
  if (problems.length === 0) return null;
  return (
    <section class="card problems" aria-label="Problems">
      <header class="card-head">
        <h2>Problems</h2>
      </header>
      {problems.map((problem) => (
        <NoticeBox key={problem.code} notice={{ kind: 'warning', ...problem }} />
      ))}
    </section>
  );
}
