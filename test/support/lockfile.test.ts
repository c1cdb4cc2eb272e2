import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { completed, missingPlatforms, type Lockfile } from './lockfile.ts';

describe('package-lock.json', () => {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lockfile;

  it('names every build for every platform, or npm ci refuses it: npm run lockfile adds what is missing', () => {
    expect(Object.keys(missingPlatforms(lock))).toEqual([]);
  });

  it('names no host but the public registry', () => {
    const hosts = Object.values(lock.packages).flatMap(({ resolved }) => resolved ?? []);
    expect(hosts.filter((url) => !url.startsWith('https://registry.npmjs.org/'))).toEqual([]);
  });
});

describe('completing a lock file', () => {
  const lock = {
    packages: {
      '': {},
      'node_modules/tool': {
        version: '1.0.0',
        dev: true,
        optionalDependencies: {
          '@tool/binding-linux-x64-gnu': '1.0.0',
          '@tool/binding-linux-arm64-musl': '1.0.0',
          '@tool/win32-x64': '1.0.0',
        },
      },
      'node_modules/@tool/binding-linux-x64-gnu': { version: '1.0.0', optional: true },
    },
  };

  it('adds what is missing, with the platform its name says, and keeps what is there', () => {
    expect(completed(lock)).toEqual({
      packages: {
        ...lock.packages,
        'node_modules/@tool/binding-linux-arm64-musl': {
          version: '1.0.0',
          os: ['linux'],
          cpu: ['arm64'],
          libc: ['musl'],
          dev: true,
          optional: true,
        },
        'node_modules/@tool/win32-x64': { version: '1.0.0', os: ['win32'], cpu: ['x64'], dev: true, optional: true },
      },
    });
  });

  it('changes nothing when nothing is missing', () => {
    expect(completed(completed(lock))).toEqual(completed(lock));
  });
});
