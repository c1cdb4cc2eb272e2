/** The charts that can be shown. */
export const chartNames = ['migration', 'wave', 'sentinel'] as const;
/** The name of a chart. */
export type ChartName = (typeof chartNames)[number];
