// Makes a picture of a page small: a PNG with at most 256 colours, which is what a page of text has but for the edges of its letters.
import { inflateSync, deflateSync, crc32 } from 'node:zlib';

const SIGNATURE = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);

/** The chunks of a PNG, joined by their kind. */
function chunks(png) {
  const found = {};
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const kind = png.toString('latin1', at + 4, at + 8);
    found[kind] = Buffer.concat([found[kind] ?? Buffer.alloc(0), png.subarray(at + 8, at + 8 + length)]);
    at += 12 + length;
  }
  return found;
}

/** The pixels of a PNG of the kind that a browser writes: 8 bits, three or four channels, not interlaced. */
function pixels(png) {
  const { IHDR, IDAT } = chunks(png);
  const [width, height, channels] = [IHDR.readUInt32BE(0), IHDR.readUInt32BE(4), { 2: 3, 6: 4 }[IHDR[9]]];
  if (IHDR[8] !== 8 || !channels || IHDR[12] !== 0) throw new Error('not a picture of a browser');
  const raw = inflateSync(IDAT);
  const stride = width * channels;
  const out = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const left = x >= channels ? out[y * stride + x - channels] : 0;
      const up = y > 0 ? out[(y - 1) * stride + x] : 0;
      const corner = x >= channels && y > 0 ? out[(y - 1) * stride + x - channels] : 0;
      const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
      const guess = [0, left, up, (left + up) >> 1, a <= b && a <= c ? left : b <= c ? up : corner][filter];
      out[y * stride + x] = raw[y * (stride + 1) + 1 + x] + guess;
    }
  }
  return { width, height, channels, out };
}

function chunk(kind, data) {
  const body = Buffer.concat([Buffer.from(kind, 'latin1'), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  body.copy(whole, 4);
  whole.writeUInt32BE(crc32(body), body.length + 4);
  return whole;
}

/** The same picture with the 256 colours that occur most; every other becomes the nearest of them. */
export function small(png) {
  const { width, height, channels, out } = pixels(png);
  const colour = (at) => (out[at] << 16) | (out[at + 1] << 8) | out[at + 2];
  const counts = new Map();
  for (let at = 0; at < out.length; at += channels) counts.set(colour(at), (counts.get(colour(at)) ?? 0) + 1);
  const palette = [...counts].sort((one, other) => other[1] - one[1]).slice(0, 256).map(([value]) => value);
  const distance = (one, other) => [16, 8, 0].reduce((sum, shift) => sum + (((one >> shift) & 255) - ((other >> shift) & 255)) ** 2, 0);
  const nearest = new Map(palette.map((value, index) => [value, index]));
  const indexed = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = colour((y * width + x) * channels);
      if (!nearest.has(value)) nearest.set(value, palette.reduce((best, one, index) => (distance(one, value) < distance(palette[best], value) ? index : best), 0));
      indexed[y * (width + 1) + 1 + x] = nearest.get(value);
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  const colours = Buffer.from(palette.flatMap((value) => [value >> 16, (value >> 8) & 255, value & 255]));
  return Buffer.concat([SIGNATURE, chunk('IHDR', head), chunk('PLTE', colours), chunk('IDAT', deflateSync(indexed, { level: 9 })), chunk('IEND', Buffer.alloc(0))]);
}
