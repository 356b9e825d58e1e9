/** The session, within reach of every component. */
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Session } from '../model/session.ts';
import type { SpaceModel } from '../model/space-model.ts';

export const SessionContext = createContext<Session | undefined>(undefined);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === undefined) throw new Error('no session around this component');
  return session;
}

/** Props of everything that shows one space. */
export interface OfSpace {
  readonly model: SpaceModel;
}
