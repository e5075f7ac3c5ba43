// A value, a way to change it by an event, and those who listen.
export type Store<S, E> = {
  get(): S;
  dispatch(event: E): void;
  subscribe(listener: () => void): () => void;
};

export function createStore<S, E>(initial: S, apply: (state: S, event: E) => S): Store<S, E> {
  let state = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => state,
    dispatch(event) {
      const next = apply(state, event);
      if (next === state) return;
      state = next;
      for (const listener of listeners) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
