import fc from 'fast-check';
import { describe, it } from 'vitest';
import { anyKvmWalk, soundKvm } from '#test/support/kvm-walks';

describe('the connector to QEMU, whatever happens to the VM', () => {
  it('has every write in a mark or says that it is lost, and touches nothing of others', () =>
    fc.assert(fc.asyncProperty(anyKvmWalk, soundKvm), { numRuns: 300 }));
});
