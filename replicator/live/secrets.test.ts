import { expect, it } from 'vitest';
import { withoutSecrets } from './secrets.ts';

it.each([
  ['nbds://ada:hunter2@host:10809/vda is gone', 'nbds://ada:***@host:10809/vda is gone'],
  ['tls-creds with password=hunter2, dir=/etc', 'tls-creds with password=***, dir=/etc'],
  ['{"token": "hunter2", "id": 1}', '{"token": ***, "id": 1}'],
  ['Authorization: Bearer hunter2', 'Authorization: ***'],
  ['-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----', '***'],
  ['-----BEGIN EC PRIVATE KEY-----\nhunter2 and no end', '***'],
  ['nbd+unix:///vda?socket=/run/vm.qmp.nbd', 'nbd+unix:///vda?socket=/run/vm.qmp.nbd'],
  ['the key of disk vda at 10.0.0.1:8471 is not here', 'the key of disk vda at 10.0.0.1:8471 is not here'],
])('%s', (text, expected) => expect(withoutSecrets(text)).toBe(expected));
