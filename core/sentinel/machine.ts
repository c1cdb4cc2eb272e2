import { assign, setup } from 'xstate';
import type { Instant } from '#core/units';
import type { SentinelEffect } from './effects.ts';
import type { SentinelFact, SentinelIdentity } from './facts.ts';

/** Names the chart and its version; in the metadata of every fact it judged. */
export const sentinelChart = { id: 'sentinel', version: '2' } as const;

/** What decisions need to know of a sentinel's past. */
export interface SentinelContext {
  /** The token that may be used; with the public key that has used it. */
  readonly token: { readonly hash: string; readonly validUntil: Instant; readonly usedBy: string | null } | null;
  /** What it may show, the newest last. Two between a rotation and the first use of the new one. */
  readonly identities: readonly SentinelIdentity[];
  /** How many control connections there were. */
  readonly connections: number;
  readonly hostname: string | null;
  readonly version: string | null;
  readonly bootId: string | null;
  readonly refusals: number;
  /** That it was asked to take itself off its guest over its newest connection, and did not say that it does not. */
  readonly uninstall: 'requested' | 'unconfirmed' | null;
}

const newest = (_args: unknown, _params: Extract<SentinelEffect, { type: 'disconnectOlder' }>['params']): void =>
  undefined;

const chart = setup({
  types: { context: {} as SentinelContext, events: {} as SentinelFact, tags: '' as 'admitted' },
  actions: {
    disconnectOlder: newest,
    disconnectAll: (): void => undefined,
    takeToken: assign(({ event }) => {
      if (event.type !== 'BundleMade') return {};
      const { tokenHash: hash, tokenValidUntil: validUntil } = event.data;
      return { token: { hash, validUntil, usedBy: null }, identities: [] };
    }),
    takeIdentity: assign(({ context, event }) => {
      if (event.type !== 'SentinelEnrolled') return {};
      const { identity, hostname } = event.data;
      const token = context.token && { ...context.token, usedBy: identity.publicKey };
      return { token, identities: [identity], hostname };
    }),
    addIdentity: assign(({ context, event }) => {
      if (event.type !== 'CertificateRotated') return {};
      const { identities } = context;
      const { identity } = event.data;
      // For one key again: the answer was lost. A guest makes its next key only once it has the certificate for the last,
      // so of those before it that one counts.
      const isAgain = identities.at(-1)?.publicKey === identity.publicKey;
      return { identities: [...(isAgain ? identities.slice(0, -1) : identities.slice(-1)), identity] };
    }),
    connect: assign(({ context, event }) => {
      if (event.type !== 'SentinelConnected') return {};
      const { connection, certificate, version, bootId } = event.data;
      const identities = context.identities.filter((identity) => identity.certificate === certificate);
      // Whoever comes was not taken off.
      return { connections: connection, identities, version, bootId, uninstall: null };
    }),
    noteVersion: assign(({ event }) => (event.type === 'SentinelUpgraded' ? { version: event.data.to } : {})),
    noteRefusal: assign(({ context }) => ({ refusals: context.refusals + 1 })),
    noteUninstall: assign(({ event }) => ({
      uninstall:
        event.type === 'UninstallRequested'
          ? ('requested' as const)
          : event.type === 'UninstallUnconfirmed'
            ? ('unconfirmed' as const)
            : null,
    })),
    forgetIdentities: assign({ token: null, identities: [], uninstall: null }),
  },
  guards: {
    isNewest: ({ context, event }) => event.type === 'SentinelConnected' && event.data.connection > context.connections,
    isOnNewest: ({ context, event }) =>
      (event.type === 'UninstallRequested' || event.type === 'UninstallRefused') &&
      event.data.connection === context.connections,
    isWithoutAnswer: ({ context, event }) =>
      event.type === 'UninstallUnconfirmed' &&
      event.data.connection === context.connections &&
      context.uninstall === 'requested',
    isCurrent: ({ context, event }) => event.type === 'SentinelLost' && event.data.connection === context.connections,
  },
});

const refusable = { SentinelRefused: { actions: 'noteRefusal' } } as const;
const connects = {
  guard: 'isNewest',
  target: 'connected',
  actions: [
    'connect',
    {
      type: 'disconnectOlder',
      params: ({ event }: { event: SentinelFact }) => ({
        newest: event.type === 'SentinelConnected' ? event.data.connection : 0,
      }),
    },
  ],
} as const;

/** One sentinel, as its gateway knows it. What its guest is doing is in the migration's stream, not here. */
export const sentinelMachine = chart.createMachine({
  id: 'sentinel',
  context: {
    token: null,
    identities: [],
    connections: 0,
    hostname: null,
    version: null,
    bootId: null,
    refusals: 0,
    uninstall: null,
  },
  initial: 'unmade',
  states: {
    unmade: {
      description: 'Nobody was invited under this name. Who shows something unknown is noted here.',
      on: { BundleMade: { target: 'awaited', actions: 'takeToken' }, ...refusable },
    },
    awaited: {
      description: 'There is a bundle with a token for one guest. It has not come yet.',
      on: {
        BundleMade: { actions: 'takeToken' },
        SentinelEnrolled: { target: 'enrolled', actions: 'takeIdentity' },
        SentinelRevoked: { target: 'revoked', actions: 'forgetIdentities' },
        ...refusable,
      },
    },
    enrolled: {
      description: 'A guest has a certificate for a key that only it has.',
      tags: 'admitted',
      initial: 'away',
      on: {
        CertificateRotated: { actions: 'addIdentity' },
        SentinelUpgraded: { actions: 'noteVersion' },
        SentinelRevoked: { target: 'revoked', actions: ['forgetIdentities', 'disconnectAll'] },
        UninstallRequested: { guard: 'isOnNewest', actions: 'noteUninstall' },
        UninstallRefused: { guard: 'isOnNewest', actions: 'noteUninstall' },
        UninstallUnconfirmed: { guard: 'isWithoutAnswer', actions: 'noteUninstall' },
        SentinelUninstalled: { target: 'uninstalled', actions: ['forgetIdentities', 'disconnectAll'] },
        ...refusable,
      },
      states: {
        away: {
          description: 'It has no connection to its gateway.',
          on: { SentinelConnected: connects },
        },
        connected: {
          description: 'It is connected and can be asked.',
          on: { SentinelConnected: connects, SentinelLost: { guard: 'isCurrent', target: 'away' } },
        },
      },
    },
    revoked: {
      description: 'Neither its token nor its certificate is accepted any more.',
      on: { BundleMade: { target: 'awaited', actions: 'takeToken' }, ...refusable },
    },
    uninstalled: {
      description: 'It was taken off its guest, and its certificate is not accepted any more.',
      on: { BundleMade: { target: 'awaited', actions: 'takeToken' }, ...refusable },
    },
  },
});
