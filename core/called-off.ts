/**
 * The reason of an abort that is the course of things and no error: what an abort without a reason makes anew each time,
 * with a stack that nobody reads and that costs more than all else about it.
 */
export const calledOff: unknown = AbortSignal.abort().reason;

/**
 * A controller that is aborted with a signal too, until it is let go of. What `AbortSignal.any` makes hangs on its signals as
 * long as they live, and takes longer to make than most of what it is made for takes to run.
 */
export function abortedWith(signal: AbortSignal | undefined): { readonly controller: AbortController; letGo(): void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort(calledOff);
  if (signal?.aborted) abort();
  else signal?.addEventListener('abort', abort);
  return { controller, letGo: () => signal?.removeEventListener('abort', abort) };
}
