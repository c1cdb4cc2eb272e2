import { unreachable } from '#core/invariant';
import type { FactGroup, FactText, Severity } from '#core/text/fact-text';
import { formatTime } from '#core/text/format';
import { plainLine } from '#core/text/plain-text';
import type { RefusalReason, SentinelFact, SentinelFactType } from './facts.ts';

/** Which group each fact of a sentinel belongs to. A fact added to the model does not compile until it has a row. */
export const sentinelFactGroups: { readonly [T in SentinelFactType]: FactGroup } = {
  BundleMade: 'decision',
  SentinelEnrolled: 'step',
  CertificateRotated: 'driver',
  SentinelConnected: 'step',
  SentinelLost: 'step',
  SentinelRefused: 'step',
  SentinelRevoked: 'decision',
  SentinelUpgraded: 'decision',
  UninstallRequested: 'decision',
  UninstallRefused: 'step',
  UninstallUnconfirmed: 'step',
  SentinelUninstalled: 'decision',
};

// What a guest says of itself is nobody's word but its own: it must not look like another line.
const say = (severity: Severity, title: string, detail: string): FactText => {
  return { title, detail: plainLine(detail), severity };
};

/** What a fact of a sentinel means, in one line for a person. */
export function describeSentinelFact(fact: SentinelFact): FactText {
  switch (fact.type) {
    case 'BundleMade': {
      const { os, standalone, tokenValidUntil, by } = fact.data;
      const kind = standalone ? `standalone, for ${os}` : `for ${os}`;
      return say('step', 'Bundle made', `${kind}, by ${by}; enrols one guest until ${formatTime(tokenValidUntil)}`);
    }
    case 'SentinelEnrolled': {
      const { hostname, from, identity } = fact.data;
      const until = `its certificate is valid until ${formatTime(identity.validUntil)}`;
      return say('success', 'Sentinel enrolled', `${hostname} from ${from}; ${until}`);
    }
    case 'CertificateRotated':
      return say('note', 'Certificate renewed', `valid until ${formatTime(fact.data.identity.validUntil)}`);
    case 'SentinelConnected': {
      const { connection, version, bootId, from } = fact.data;
      return say(
        'step',
        'Sentinel connected',
        `version ${version} from ${from}, boot ${bootId} (connection ${connection})`,
      );
    }
    case 'SentinelLost':
      return say('warning', 'Sentinel gone', `${fact.data.why} (connection ${fact.data.connection})`);
    case 'SentinelRefused': {
      const { what, why, from } = fact.data;
      const title = what === 'token' ? 'Token refused' : 'Identity refused';
      return say('failure', title, `${why}: ${causes[why]}; from ${from}`);
    }
    case 'SentinelRevoked':
      return say('warning', 'Sentinel revoked', `${fact.data.reason}, by ${fact.data.by}`);
    case 'SentinelUpgraded':
      return say('success', 'Sentinel upgraded', `from ${fact.data.from} to ${fact.data.to}, by ${fact.data.by}`);
    case 'UninstallRequested':
      return say('step', 'Asked to leave its guest', `by ${fact.data.by} (connection ${fact.data.connection})`);
    case 'UninstallRefused':
      return say('failure', 'Does not leave its guest', fact.data.why);
    case 'UninstallUnconfirmed':
      return say('warning', 'Not known to have left its guest', fact.data.why);
    case 'SentinelUninstalled':
      return say('step', 'Sentinel uninstalled', `by ${fact.data.by}`);
    default:
      return unreachable(fact);
  }
}

const causes: { readonly [W in RefusalReason]: string } = {
  foreign: 'it was not issued here',
  unknown: 'nothing here is known by it',
  unproven: 'the key it names is not its own',
  expired: 'its time is over',
  revoked: 'its sentinel was cut off',
  replayed: 'another key has used it already',
  superseded: 'a newer certificate took its place',
  uninstalled: 'its sentinel was taken off its guest',
};
