import type { Socket } from 'node:net';

/*
 * Reading a socket into one buffer that is used again and again.
 *
 * Node does this for sockets it connects (`onread`), not for those a server accepted: there each TLS record of 16 KiB
 * becomes a buffer of its own. At 300 MB/s that is 20,000 buffers a second outside of V8's heap, which V8 answers with
 * a full collection every 20 MiB: measured, a quarter of a receiver's time. So the fields that `onread` sets are set
 * here after the fact. They have no public name; where they are not what is expected, the socket is left as it is.
 */

interface Handle {
  readonly useUserBuffer?: unknown;
}

/**
 * From now on what arrives is put into `buffer` and `onBytes` is called with the part that was filled, which is valid
 * during the call only. What had arrived before still comes as `data` events. Returns false, having done nothing, where
 * this Node does not allow it.
 */
export function readInto(socket: Socket, buffer: Uint8Array, onBytes: (bytes: Uint8Array) => void): boolean {
  const into = symbolOf(socket, 'kBuffer');
  const callback = symbolOf(socket, 'kBufferCb');
  const fields = socket as unknown as Record<symbol, unknown> & { readonly _handle?: Handle | null };
  const handle = fields._handle;
  if (into === undefined || callback === undefined || typeof handle?.useUserBuffer !== 'function') return false;
  if (fields[into] !== null || fields[callback] !== null) return false;
  fields[into] = buffer;
  fields[callback] = (length: number): boolean => {
    onBytes(buffer.subarray(0, length));
    // False would stop the reading.
    return true;
  };
  handle.useUserBuffer(buffer);
  return true;
}

/** Node keeps these under symbols that only it has, on the socket itself. */
function symbolOf(socket: Socket, description: string): symbol | undefined {
  return Object.getOwnPropertySymbols(socket).find((symbol) => symbol.description === description);
}
