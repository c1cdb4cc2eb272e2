/**
 * The reason of an abort that is the course of things and no error: what an abort without a reason makes anew each time,
 * with a stack that nobody reads and that costs more than all else about it.
 */
export const calledOff: unknown = AbortSignal.abort().reason;
