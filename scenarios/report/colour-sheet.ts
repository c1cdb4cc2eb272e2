import { css } from './css.ts';

/**
 * The dashboard's colours and sizes by the same names, so that both look like one product. Areas are softer than signs;
 * each phase also has its place in the stack and its word in the legend, and none depends on its colour.
 */
export const colourSheet = css`
  :root {
    color-scheme: light dark;
    --paper: light-dark(#eef1f3, #0e1418);
    --panel: light-dark(#fff, #151d23);
    --panel-sunken: light-dark(#f5f7f8, #11181d);
    --line: light-dark(#dfe4e7, #253038);
    --line-strong: light-dark(#b9c3c9, #3c4a54);
    --ink: light-dark(#142028, #e4eaee);
    --ink-soft: light-dark(#48565f, #a4b1ba);
    --ink-faint: light-dark(#566570, #8f9da6);
    --accent: light-dark(#0b5d7a, #62b9d8);
    --accent-wash: light-dark(#dcebf1, #14323e);
    --focus: light-dark(#0b76d1, #7cc4ff);
    --down: light-dark(#9c3d00, #ff9d5c);
    --troubled: light-dark(#8a5a00, #f0c04a);
    --failed: light-dark(#b3201f, #ff8a80);
    --moving: light-dark(#0a62a8, #6cb4f2);
    --parked: light-dark(#0b6e7a, #5fc6d0);
    --moved: light-dark(#1b6e45, #66cf9a);
    --still: light-dark(#566570, #8f9da6);
    --area-moved: light-dark(#5aa880, #3b8a63);
    --area-cuttingOver: light-dark(#d9813f, #c9692a);
    --area-parked: light-dark(#7fc0c7, #2c7f88);
    --area-syncing: light-dark(#8fbbe0, #2d659b);
    --area-preparing: light-dark(#d6dde2, #34424c);
    --area-rolledBack: light-dark(#d9b35c, #a57f22);
    --area-stuck: light-dark(#cf6b68, #b1504c);
    --text:
      'Inter', 'Segoe UI Variable Text', 'Segoe UI', system-ui, -apple-system, 'Helvetica Neue', 'Noto Sans', sans-serif;
    --mono: ui-monospace, 'SF Mono', 'Cascadia Mono', 'JetBrains Mono', 'Noto Sans Mono', 'DejaVu Sans Mono', monospace;
  }
`;
