import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STANDARD_FRAMING } from '../core/inventory.ts';
import { Framer, framed } from './framing.ts';

const LIMITS = { frameBytes: 1 << 20 };

function framer(limits = LIMITS): Framer {
  return new Framer(STANDARD_FRAMING, limits);
}

function takeAll(source: Framer): Buffer[] {
  const frames: Buffer[] = [];
  for (;;) {
    const taken = source.take();
    if (taken.kind !== 'frame') return frames;
    frames.push(taken.frame.payload);
  }
}

function frame(payload: string | Buffer): Buffer {
  return Buffer.from(framed({ payload: Buffer.from(payload) }, STANDARD_FRAMING));
}

/** A payload that holds neither an end pair nor a restart, but may hold each block character alone. */
const payload = fc
  .uint8Array({ minLength: 0, maxLength: 200 })
  .map((bytes) => Buffer.from(bytes))
  .filter((bytes) => !bytes.includes(Buffer.from([0x1c, 0x0d])) && !bytes.includes('\x0bMSH') && bytes.at(-1) !== 0x1c);

describe('framing', () => {
  it('gives back every payload byte for byte, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(payload, { maxLength: 8 }), fc.array(fc.nat(400)), (payloads, cuts) => {
        const stream = Buffer.concat(payloads.map((item) => frame(item)));
        const points = [0, ...cuts.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b), stream.length];
        const source = framer();
        const got: Buffer[] = [];
        points.slice(1).forEach((point, index) => {
          source.push(stream.subarray(points[index], point));
          got.push(...takeAll(source));
        });
        expect(got).toEqual(payloads);
        expect(source.bufferedBytes).toBe(0);
        expect(source.garbageBytes).toBe(0);
      }),
    );
  });

  it('gives one frame at a time and keeps the rest', () => {
    const source = framer();
    source.push(Buffer.concat([frame('MSH|one'), frame('MSH|two')]));
    expect(source.take()).toMatchObject({ kind: 'frame', frame: { payload: Buffer.from('MSH|one') } });
    expect(source.bufferedBytes).toBe(frame('MSH|two').length);
    expect(takeAll(source)).toEqual([Buffer.from('MSH|two')]);
  });

  it('skips and counts garbage between frames, line ends excepted', () => {
    const source = framer();
    source.push(
      Buffer.concat([Buffer.from('junk\r\n'), frame('a'), Buffer.from('\r\n'), frame('b'), Buffer.from('xy')]),
    );
    expect(takeAll(source).map(String)).toEqual(['a', 'b']);
    expect(source.garbageBytes).toBe(6);
  });

  it('takes a START followed by MSH inside an unfinished frame for a restart', () => {
    const source = framer();
    source.push(Buffer.concat([Buffer.from('\x0bMSH|half a mess'), frame('MSH|whole')]));
    expect(takeAll(source).map(String)).toEqual(['MSH|whole']);
    expect(source.restarts).toBe(1);
  });

  it('gives up a frame over the limit and hands out its head', () => {
    const source = framer({ frameBytes: 100 });
    source.push(Buffer.from(`\x0bMSH|^~\\&|${'x'.repeat(200)}`));
    const taken = source.take();
    expect(taken.kind).toBe('too-large');
    expect(source.bufferedBytes).toBe(0);
  });

  it('searches a long frame in linear time and joins it once', () => {
    const source = framer({ frameBytes: 64 << 20 });
    const chunk = Buffer.alloc(64 * 1024, 0x41);
    source.push(Buffer.from([0x0b]));
    for (let index = 0; index < 400; index++) {
      source.push(chunk);
      expect(source.take().kind).toBe('none');
    }
    source.push(Buffer.from([0x1c]));
    expect(source.take().kind).toBe('none');
    source.push(Buffer.from([0x0d]));
    expect(takeAll(source)[0]?.length).toBe(400 * 64 * 1024);
  });

  it('re-frames only where the framing differs', () => {
    const source = framer();
    source.push(frame('abc'));
    const taken = source.take();
    if (taken.kind !== 'frame') throw new Error('no frame');
    expect(framed(taken.frame, STANDARD_FRAMING)).toBe(taken.frame.raw);
    expect(Buffer.from(framed(taken.frame, { start: 2, end: [3, 4] }))).toEqual(
      Buffer.from([2, 0x61, 0x62, 0x63, 3, 4]),
    );
  });
});
