/** Sign and name of the app. */
export function Wordmark() {
  return (
    <span class="wordmark">
      <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
        <path class="mark-a" d="M16 4 5 27" />
        <path class="mark-b" d="M16 4 27 27" />
        <path class="mark-c" d="M9.5 18h13" />
        <circle class="mark-top" cx="16" cy="5" r="3.2" />
        <circle class="mark-left" cx="5.5" cy="26.5" r="3.2" />
        <circle class="mark-right" cx="26.5" cy="26.5" r="3.2" />
      </svg>
      <span>Aver</span>
    </span>
  );
}
