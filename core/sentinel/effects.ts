/** What a gateway does to connections of a sentinel. It has nothing else to do; after its own end there are none. */
export type SentinelEffect =
  /** The newest has the say: the one before is of a process that is gone, or of a copy of the guest. */
  | Readonly<{ type: 'disconnectOlder'; params: { newest: number } }>
  | Readonly<{ type: 'disconnectAll'; params: Record<never, never> }>;
