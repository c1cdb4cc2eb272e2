import type { InventoryFormat } from './format-names.ts';
import { isVhd } from './hyperv.ts';
import { below, listAt, parseJson } from './json-text.ts';
import { isBlockInfo } from './libvirt-sizes.ts';

/** The format of a text by what is in it, or nothing if it is none of them. */
export function formatOf(text: string): InventoryFormat | undefined {
  const start = text.replace(/^\uFEFF/, '').trimStart();
  if (start.startsWith('<')) return 'libvirt';
  if (start.startsWith('{') || start.startsWith('[')) return formatOfJson(start);
  if (isBlockInfo(start)) return 'libvirt';
  // Any sheet with a column for names: what is wrong with it is told better by who reads it.
  const [head = ''] = start.replace(/^sep=.\r?\n/, '').split('\n', 1);
  return /[,;\t]/.test(head) ? 'rvtools' : undefined;
}

function formatOfJson(text: string): InventoryFormat | undefined {
  const parsed = parseJson(text);
  // Broken JSON is told as such by either.
  if (!parsed.ok) return /"entities"|"api_version"|"disk_list"/.test(text) ? 'nutanix' : 'hyperv';
  const [first] = listAt({ all: parsed.value }, 'all');
  if (isVhd(first)) return 'hyperv';
  const has = (keys: readonly string[]): boolean => keys.some((key) => below(first, key) !== undefined);
  if (has(['entities', 'api_version', 'status', 'spec'])) return 'nutanix';
  // Keys are told apart by case: `Status` is a property of Get-VM.
  return has(['HardDrives', 'VMName', 'VMId', 'ProcessorCount', 'State']) ? 'hyperv' : undefined;
}
