import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bundleProcess } from '#test/support/bundle-process';
import { needs, tracingNeed } from '#test/support/programs';

/*
 * The validation account with the programs of a real system, in a mount namespace in which `/etc` and the other folders
 * it touches are others than this machine's.
 */

const rights = needs(tracingNeed, 'useradd');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealift-account-'));
});
afterEach(() => rm(folder, { recursive: true }));

const script = (at: string, program: string): string => `
set -e
mkdir ${at}/layer && mount -t tmpfs none ${at}/layer
mkdir ${at}/layer/new ${at}/layer/work && mount -t overlay none -o lowerdir=/etc,upperdir=${at}/layer/new,workdir=${at}/layer/work /etc
for each in /home /run /var/lib/sealift /var/mail; do mkdir -p $each; mount -t tmpfs none $each; done
stage() { '${process.execPath}' '${program}' "$1"; }
state() { cat /etc/passwd /etc/group /etc/shadow /etc/gshadow | sort | sha256sum; ls -A /home /var/lib/sealift /var/mail; }
state >${at}/before
stage begin
getent shadow sealift-look
stage password | tee ${at}/layer/given
getent shadow sealift-look
sed -n 's/.*"password":"\\([^"]*\\)".*/\\1/p' ${at}/layer/given | perl -e '
  chomp(my $given = <STDIN>); my $hash = (getpwnam("sealift-look"))[1];
  print $given ne "" && crypt($given, $hash) eq $hash ? "it is the password\\n" : "it is another\\n"'
stage end
state >${at}/after
cmp ${at}/before ${at}/after && echo nothing is left
`;

describe.skipIf(!rights.available)(rights.title('the validation account'), () => {
  it('is made, has its checks run by it, is given a password, and is gone without a trace', async () => {
    const program = await bundleProcess('test/support/account-process.ts', 'account');
    await writeFile(join(folder, 'script.sh'), script(folder, program));
    const ran = spawnSync('unshare', ['-m', 'sh', join(folder, 'script.sh')], { encoding: 'utf8' });
    const [report = '', locked = '', given = '', open = '', proof, end, left] = ran.stdout.trim().split('\n');
    expect(ran).toMatchObject({ status: 0 });
    expect(JSON.parse(report)).toMatchObject({
      checks: [
        { id: 'validation-account', verdict: 'passed' },
        { id: 'who', verdict: 'passed', message: 'status 0: sealift-look' },
      ],
    });
    expect(locked).toMatch(/^sealift-look:!+:/);
    expect(JSON.parse(given)).toMatchObject({ ok: true, value: { name: 'sealift-look' } });
    expect(open).toMatch(/^sealift-look:\$/);
    expect([proof, end, left]).toEqual(['it is the password', '{"ok":true}', 'nothing is left']);
  });
});
