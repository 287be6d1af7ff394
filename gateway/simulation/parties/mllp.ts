/** What every party of the simulation does with bytes: takes frames out of a stream. */
import { STANDARD_FRAMING } from '../../../core/inventory.ts';
import { Framer } from '../../framing.ts';

const LIMITS = { frameBytes: 1 << 20 };

export function frameReader(onFrame: (payload: Buffer) => void): (chunk: Buffer) => void {
  const framer = new Framer(STANDARD_FRAMING, LIMITS);
  return (chunk) => {
    framer.push(chunk);
    for (let taken = framer.take(); taken.kind === 'frame'; taken = framer.take()) onFrame(taken.frame.payload);
  };
}
