/** The grade is what was seen, not what was hoped for. */
import { describe, expect, it } from 'vitest';
import { factsOf } from './answers.ts';
import { Correlation, correlationKeyOf, type InputFinding, type OutputFinding } from './correlation.ts';

function seen(
  inputs: Partial<Record<InputFinding, number>>,
  outputs: Partial<Record<OutputFinding, number>>,
  correlates = true,
): Correlation {
  const correlation = new Correlation(correlates);
  for (const kind of ['new', 'repeated', 'ambiguous', 'keyless'] as const)
    for (let count = inputs[kind] ?? 0; count > 0; count--) correlation.input(kind);
  for (const kind of ['key', 'order', 'unmatched'] as const)
    for (let count = outputs[kind] ?? 0; count > 0; count--) {
      correlation.output('legacy', kind);
      correlation.output('new', kind);
    }
  return correlation;
}

describe('correlation grade', () => {
  it('is none before enough outputs of both platforms have come', () => {
    expect(seen({ new: 19 }, { key: 19 }).grade).toEqual({ grade: 'none', reason: '19 of 20 outputs of legacy seen' });
  });

  it('is exact where every key was new, keyed where one came again after its input was closed', () => {
    expect(seen({ new: 50 }, { key: 50 }).grade.grade).toBe('exact');
    expect(seen({ new: 50, repeated: 1 }, { key: 50 }).grade.grade).toBe('keyed');
  });

  it('is fifo where a key is missing, or open twice, or outputs find no input by it', () => {
    expect(seen({ new: 50, keyless: 1 }, { key: 50 }).grade).toMatchObject({ grade: 'fifo' });
    expect(seen({ new: 50, ambiguous: 1 }, { key: 50 }).grade).toMatchObject({ grade: 'fifo' });
    expect(seen({ new: 50 }, { key: 40, order: 10 }).grade).toMatchObject({ grade: 'fifo' });
    expect(seen({ new: 50 }, { order: 50 }, false).grade).toEqual({
      grade: 'fifo',
      reason: 'the inventory names no `correlate`',
    });
  });

  it('is none where outputs belong to nothing', () => {
    expect(seen({ new: 50 }, { key: 40, unmatched: 10 }).grade.grade).toBe('none');
  });

  it('forgets: what was doubtful a thousand inputs ago is not doubtful now, and a checkpoint keeps the count', () => {
    const correlation = seen({ ambiguous: 1 }, { key: 20 });
    expect(correlation.isDoubtful('new')).toBe(true);
    for (let count = 0; count < 999; count++) correlation.input('new');
    const copy = new Correlation(true);
    copy.load(correlation.dump());
    expect(copy.grade.grade).toBe('fifo');
    copy.input('new');
    expect(copy.grade.grade).toBe('exact');
  });
});

describe('a checkpoint of what was seen', () => {
  it('counts what came one after the other, and reads a former one that lists it', () => {
    const correlation = seen({ new: 1100, repeated: 2 }, { key: 3 });
    const state = correlation.dump();
    const outputs = { legacy: [['key', 3]], new: [['key', 3]] };
    expect(state).toEqual({
      inputs: [
        ['new', 998],
        ['repeated', 2],
      ],
      outputs,
    });

    const copy = new Correlation(true);
    copy.load(JSON.parse(JSON.stringify(state)));
    expect(copy.dump()).toEqual(state);

    const former = new Correlation(true);
    former.load({ inputs: ['new', 'new', 'repeated'], outputs: { legacy: ['key'], new: [] } });
    expect(former.dump()).toEqual({
      inputs: [
        ['new', 2],
        ['repeated', 1],
      ],
      outputs: { legacy: [['key', 1]], new: [] },
    });
  });
});

describe('the key of a message', () => {
  const keyOfMessage = (msh10: string, correlate: readonly string[] | null): string | null => {
    const payload = Buffer.from(`MSH|^~\\&|LAB|NORTH|||2026||ORU^R01|${msh10}|P|2.5\rPID|1||900012\r`, 'latin1');
    return correlationKeyOf(payload, factsOf(payload), correlate);
  };

  it('is MSH-10 where that is what the inventory names, and none where it is empty', () => {
    expect(keyOfMessage('M\u00e4r1', ['MSH-10'])).toBe('M\u00e4r1');
    expect(keyOfMessage('', ['MSH-10'])).toBeNull();
  });

  it('is every field that the inventory names, and none where one is missing', () => {
    expect(keyOfMessage('M1', ['MSH-10', 'PID-3'])).toBe('M1\u0000900012');
    expect(keyOfMessage('M1', ['PID-3', 'ORC-2'])).toBeNull();
    expect(keyOfMessage('M1', null)).toBeNull();
  });
});
