/** Formats of inventories. */
export const inventoryFormats = ['rvtools', 'libvirt', 'nutanix', 'hyperv'] as const;
/** The format of an inventory, by the tool that writes it. */
export type InventoryFormat = (typeof inventoryFormats)[number];
