/** An outcome the caller should handle: a value, or an error that is data and not a sentence. */
export type Result<T, E> = Ok<T> | Err<E>;
/** The half of a `Result` that carries a value. */
export type Ok<T> = { readonly ok: true; readonly value: T };
/** The half of a `Result` that carries an error. */
export type Err<E> = { readonly ok: false; readonly error: E };

/** Wraps a value as a success. */
export const ok = <T>(value: T): Ok<T> => ({ ok: true, value });
/** Wraps an error as a failure the caller must look at. */
export const err = <E>(error: E): Err<E> => ({ ok: false, error });
