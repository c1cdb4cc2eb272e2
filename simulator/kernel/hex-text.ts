const byteTexts = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const pairs = (half: number): string => `${byteTexts[half >>> 8]}${byteTexts[half & 0xff]}`;

/** 32 bits, signed or not, as eight hexadecimal digits. */
export const hexText = (word: number): string => pairs(word >>> 16) + pairs(word & 0xffff);
