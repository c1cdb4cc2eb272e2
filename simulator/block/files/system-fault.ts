/** The errors of system calls that a simulated volume gives. */
export type FaultCode = 'EBADF' | 'EEXIST' | 'EIO' | 'EISDIR' | 'ENOENT' | 'ENOSPC' | 'ENOTDIR';

const words: Readonly<Record<FaultCode, string>> = {
  EBADF: 'bad file descriptor',
  EEXIST: 'file already exists',
  EIO: 'i/o error',
  EISDIR: 'illegal operation on a directory',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
};

/** What a system call of Linux fails with, as Node tells it. */
export class SystemFault extends Error {
  readonly code: FaultCode;

  constructor(code: FaultCode, call: string, path: string) {
    // Code and path say where it comes from. Whoever looks for files is told hundreds of times a world that there is none, and
    // where the call stood is most of what that costs.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(`${code}: ${words[code]}, ${call} '${path}'`);
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
  }
}
