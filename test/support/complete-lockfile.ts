import { readFileSync, writeFileSync } from 'node:fs';
import { completed, type Lockfile } from './lockfile.ts';

// After `npm install <package>` behind a registry that does not carry every platform: `npm run lockfile`.
const path = 'package-lock.json';
const lock = JSON.parse(readFileSync(path, 'utf8')) as Lockfile;
writeFileSync(path, `${JSON.stringify(completed(lock), null, 2)}\n`);
