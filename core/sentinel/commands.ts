import type { Instant } from '#core/units';
import type { RefusalReason, SentinelFact, SentinelIdentity } from './facts.ts';

type Named<Type extends string, Data extends object> = { readonly type: Type; readonly data: Data };
type DataOf<Type extends SentinelFact['type']> = Extract<SentinelFact, { type: Type }>['data'];

/** What someone wants of a sentinel: an operator, or the guest itself. Those of a guest may come from anybody. */
export type SentinelCommand =
  | Named<'MakeBundle', DataOf<'BundleMade'>>
  /** Shows a token. Whether it also has the key to `identity` was checked before. */
  | Named<
      'EnrolSentinel',
      {
        readonly tokenHash: string;
        readonly identity: SentinelIdentity;
        readonly hostname: string;
        readonly from: string;
        readonly at: Instant;
      }
    >
  /** Shows a certificate, and has its key: that was checked before. */
  | Named<
      'AdmitSentinel',
      {
        readonly certificate: string;
        readonly version: string;
        readonly bootId: string;
        readonly from: string;
        readonly at: Instant;
      }
    >
  | Named<'RotateCertificate', { readonly identity: SentinelIdentity }>
  | Named<'NoteLoss', DataOf<'SentinelLost'>>
  | Named<'RefuseSentinel', { readonly what: 'token' | 'identity'; readonly why: RefusalReason; readonly from: string }>
  | Named<'RevokeSentinel', DataOf<'SentinelRevoked'>>
  | Named<'NoteUpgrade', DataOf<'SentinelUpgraded'>>
  /** Noted before it is asked, since its answer may be lost. */
  | Named<'RequestUninstall', { readonly by: string }>
  | Named<'NoteUninstallRefused', { readonly why: string }>
  | Named<'NoteUninstallUnconfirmed', { readonly why: string }>
  | Named<'NoteUninstall', DataOf<'SentinelUninstalled'>>;

/** The name of a sentinel command. */
export type SentinelCommandType = SentinelCommand['type'];

/** Why a command leads to nothing. Someone who is not let in is no rejection: that is a fact. */
export type SentinelRejection =
  /** A bundle was asked for under a name that a guest has. */
  | { readonly type: 'SentinelEnrolledAlready' }
  | { readonly type: 'SentinelNotNow'; readonly command: SentinelCommandType; readonly state: string };

/** One sentence for a person. */
export function describeSentinelRejection(rejection: SentinelRejection): string {
  switch (rejection.type) {
    case 'SentinelEnrolledAlready':
      return 'a guest is enrolled under this name; choose another, or revoke it first';
    case 'SentinelNotNow':
      return `${rejection.command} is not possible while the sentinel is ${rejection.state}`;
  }
}
