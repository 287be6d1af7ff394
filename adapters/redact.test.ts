import { describe, expect, test } from 'vitest';
import { redactorFor } from './redact.ts';

describe('redacting', () => {
  const redact = redactorFor({
    CUTOVER_ADMIN_TOKEN: 'abc.def.ghi',
    AWS_SECRET_ACCESS_KEY: 'wJalr',
    PULUMI_CONFIG_PASSPHRASE: '',
    PULUMI_CONFIG_PASSPHRASE_FILE: '/etc/passphrase',
    PATH: '/usr/bin',
  });

  test('takes out the values of secret variables, wherever they stand', () => {
    expect(redact('Bearer abc.def.ghi; key=wJalr')).toBe('Bearer [redacted]; key=[redacted]');
  });

  test('leaves ordinary values and the places of secrets readable', () => {
    expect(redact('no /etc/passphrase, PATH is /usr/bin')).toBe('no /etc/passphrase, PATH is /usr/bin');
  });

  test('takes the user out of a URL', () => {
    expect(redact('at postgres://lab:hunter2@127.0.0.1/x')).toBe('at postgres://[redacted]@127.0.0.1/x');
  });
});
