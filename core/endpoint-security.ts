/**
 * What an endpoint's inventory entry says about its protection: TLS by PEM files, who may connect, from where to dial.
 * Keys and certificates are named, never written into the inventory; paths count from the inventory file's folder.
 */
import { z } from 'zod';

export const TLS_VERSIONS = ['1.2', '1.3'] as const;

const pemFile = z.string().min(1);
const minVersion = z.enum(TLS_VERSIONS).default('1.2').describe('the oldest TLS version that is spoken');
const anAddress = { error: 'an IP address of this machine, as in 10.20.0.10' };
const address = z.union([z.ipv4(anAddress), z.ipv6(anAddress)]);
const aSource = { error: 'an IP address or a range of them, as in 10.20.0.7 or 10.20.0.0/16' };
const addressOrRange = z.union([z.ipv4(aSource), z.ipv6(aSource), z.cidrv4(aSource), z.cidrv6(aSource)]);

/** Of a feed or a leg: which of it applies depends on `connect`, and the inventory says so where it does not fit. */
const senderTls = z
  .strictObject({
    cert: pemFile.optional().describe('certificate (and its chain) that the gateway shows, PEM; a listener needs one'),
    key: pemFile.optional().describe('its private key, PEM, without passphrase'),
    ca: pemFile.optional().describe("authorities that the sender's certificate must come from, PEM"),
    clientAuth: z
      .enum(['required', 'none'])
      .optional()
      .describe('listening: whether a client must show a certificate of `ca`; default: required where `ca` is given'),
    serverName: z
      .string()
      .min(1)
      .optional()
      .describe('dialling: name that the sender must prove (SNI); default: its host'),
    minVersion,
  })
  .refine((tls) => tls.clientAuth !== 'required' || tls.ca !== undefined, {
    path: ['ca'],
    error: 'clientAuth: required needs `ca`: the authorities whose certificates are accepted',
  })
  .refine((tls) => tls.clientAuth !== 'none' || tls.ca === undefined, {
    path: ['clientAuth'],
    error: 'with clientAuth: none nobody checks `ca`: remove it, or require client certificates',
  })
  .describe('this endpoint speaks TLS only');

const peerTls = z
  .strictObject({
    cert: pemFile.optional().describe('certificate that the gateway shows to this peer, PEM'),
    key: pemFile.optional().describe('its private key, PEM, without passphrase'),
    ca: pemFile.optional().describe("authorities that the peer's certificate must come from; default: the system's"),
    serverName: z.string().min(1).optional().describe('name that the peer must prove (SNI); default: its host'),
    minVersion,
  })
  .refine((tls) => (tls.cert === undefined) === (tls.key === undefined), {
    error: 'cert and key belong together: give both (mutual TLS) or neither',
  })
  .describe('the gateway speaks TLS to this peer and checks its certificate');

export const listenerSecurityShape = {
  tls: senderTls.optional(),
  sourceAllow: z
    .array(addressOrRange)
    .min(1)
    .optional()
    .describe('addresses and ranges that may connect; others are closed at once. Default: everyone'),
};
export const peerSecurityShape = {
  tls: peerTls.optional(),
  sourceAddress: address.optional().describe('local IP address to dial from; default: the system chooses'),
};

export type TlsVersion = (typeof TLS_VERSIONS)[number];

export type ListenerTls = {
  readonly cert: string;
  readonly key: string;
  /** Null: no client certificate is asked for. */
  readonly clientCa: string | null;
  readonly minVersion: TlsVersion;
};

export type PeerTls = {
  readonly own: { readonly cert: string; readonly key: string } | null;
  /** Null: the authorities of the system. */
  readonly ca: string | null;
  /** Null: the peer's host. */
  readonly serverName: string | null;
  readonly minVersion: TlsVersion;
};

export type ListenerSecurity = {
  readonly tls: ListenerTls | null;
  /** Null: everyone. */
  readonly sourceAllow: readonly string[] | null;
};

export type PeerSecurity = { readonly tls: PeerTls | null; readonly sourceAddress: string | null };

type RawListener = {
  readonly connect: 'listen' | 'dial';
  readonly tls?: z.output<typeof senderTls> | undefined;
  readonly sourceAllow?: readonly string[] | undefined;
};
type RawPeer = {
  readonly tls?: z.output<typeof peerTls> | undefined;
  readonly sourceAddress?: string | undefined;
};

/** A listener without certificate or key is refused by the inventory. */
export function toListenerSecurity({ connect, tls, sourceAllow }: RawListener): ListenerSecurity {
  if (connect === 'dial') return { tls: null, sourceAllow: null };
  const { cert = '', key = '', ca = null, minVersion: oldest = '1.2' } = tls ?? {};
  return {
    tls: tls === undefined ? null : { cert, key, clientCa: ca, minVersion: oldest },
    sourceAllow: sourceAllow ?? null,
  };
}

export function toPeerSecurity({ tls, sourceAddress }: RawPeer): PeerSecurity {
  return { tls: tls === undefined ? null : toPeerTls(tls), sourceAddress: sourceAddress ?? null };
}

function toPeerTls(tls: z.output<typeof peerTls>): PeerTls {
  const { cert, key } = tls;
  return {
    own: cert === undefined || key === undefined ? null : { cert, key },
    ca: tls.ca ?? null,
    serverName: tls.serverName ?? null,
    minVersion: tls.minVersion,
  };
}
