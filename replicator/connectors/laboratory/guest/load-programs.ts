/** Where the guest's load keeps its records: one file on each of the guest's disks. */
export const recordFiles = ['/var/lib/sealift-load/records', '/srv/sealift-load/records'] as const;
/**
 * Where the load reads whom to tell, and how fast to write: `{ "recorder": "10.0.2.2:4711", "perSecond": 20 }`. It is written
 * at each start, and not into /etc: what changes there keeps a fix-up from being prepared.
 */
export const loadConfigPath = '/var/lib/sealift-load/load.json';
/** Size of one record, in bytes, its newline included. */
export const recordBytes = 1024;

/** How a record looks, for both programs: its number, noise, and the digest of what is before it. All of one length. */
const record = String.raw`
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, fdatasyncSync, fstatSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
const recordBytes = ${recordBytes};
const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const recordOf = (number) => {
  const head = String(number).padStart(12, '0') + ' ';
  const noise = randomBytes(recordBytes / 2).toString('hex').slice(0, recordBytes - head.length - 64 - 2);
  return head + noise + ' ' + sha256(head + noise) + '\n';
};
const digestIn = (text, number) => {
  const body = text.slice(0, -66);
  const digest = text.slice(-65, -1);
  return text.length === recordBytes && Number(text.slice(0, 12)) === number && sha256(body) === digest ? digest : undefined;
};
const recordAt = (file, number) => {
  const buffer = Buffer.alloc(recordBytes);
  const length = readSync(file, buffer, 0, recordBytes, (number - 1) * recordBytes);
  return buffer.toString('latin1', 0, length);
};
`;

/**
 * The load: appends a record to each file, flushes both, and only then sends its number and digest to the recorder; the
 * next one is written once that is answered. After a restart it goes on behind the last record that both files have
 * (what only one of them has was never sent), and sends that one again, because the answer may have been lost.
 */
export const loadProgram = String.raw`// Appends records to every disk, and tells a recorder about each once it is flushed.
${record}
import { connect } from 'node:net';
const [configPath, ...paths] = process.argv.slice(2);
const { recorder, perSecond = 20 } = JSON.parse(readFileSync(configPath, 'utf8'));
const at = recorder.lastIndexOf(':');
const files = paths.map((path) => {
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, 'a+');
  const folder = openSync(dirname(path), 'r');
  fsyncSync(folder);
  closeSync(folder);
  return file;
});
const wholeIn = (file) => Math.floor(fstatSync(file).size / recordBytes);
let number = Math.min(...files.map(wholeIn));
for (const file of files) ftruncateSync(file, number * recordBytes);
let digest = number === 0 ? undefined : digestIn(recordAt(files[0], number), number);
if (number > 0 && digest === undefined) throw new Error('record ' + number + ' is broken');
const writeNext = () => {
  const text = recordOf(number + 1);
  for (const file of files) writeSync(file, text);
  for (const file of files) fdatasyncSync(file);
  number += 1;
  digest = digestIn(text, number);
};
const talk = () => {
  const socket = connect({ host: recorder.slice(0, at), port: Number(recorder.slice(at + 1)) });
  let heard = '';
  let due = Date.now();
  let timer;
  const silence = setInterval(() => socket.destroy(), 15_000);
  const tell = () => socket.write(number + ' ' + digest + '\n');
  const next = () => {
    writeNext();
    tell();
  };
  socket.setNoDelay(true);
  socket.on('connect', () => (number === 0 ? next() : tell()));
  socket.on('data', (chunk) => {
    heard += chunk;
    if (!heard.endsWith('\n')) return;
    if (heard !== number + '\n') throw new Error('the recorder answered ' + JSON.stringify(heard) + ' to ' + number);
    heard = '';
    silence.refresh();
    due = Math.max(due + 1000 / perSecond, Date.now());
    timer = setTimeout(next, due - Date.now());
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    clearTimeout(timer);
    clearInterval(silence);
    setTimeout(talk, 500);
  });
};
talk();
`;

/**
 * The verifier: `verify.mjs <count> <file>...` looks at the records 1 to `count` of each file, every byte of them, and
 * prints one line of JSON (`LoadReport`).
 */
export const verifyProgram = String.raw`// Says whether records 1 to <count> are on every disk and intact.
${record}
const [count, ...paths] = process.argv.slice(2);
const upTo = Number(count);
const disks = paths.map((path) => {
  const broken = [];
  const chain = createHash('sha256');
  let records = 0;
  try {
    const file = openSync(path, 'r');
    records = Math.floor(fstatSync(file).size / recordBytes);
    for (let number = 1; number <= upTo; number += 1) {
      const digest = number <= records ? digestIn(recordAt(file, number), number) : undefined;
      if (digest === undefined) broken.push(number);
      else chain.update(digest + '\n');
    }
    closeSync(file);
  } catch (error) {
    return { path, records, broken: upTo, firstBroken: 1, digest: '', detail: error.message };
  }
  return { path, records, broken: broken.length, firstBroken: broken[0], digest: chain.digest('hex') };
});
console.log(JSON.stringify({ upTo, disks }));
`;
