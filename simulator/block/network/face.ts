import type { VisitorConnection } from '#replicator/protocol/guest-network';
import type { SecuredConnection } from '#replicator/protocol/network';
import type { Role } from '#replicator/protocol/role';
import type { SimulatedGateway } from './simulated-identities.ts';

/** Whom a process that listens is for, and what it shows those who come. */
export type Face =
  | {
      readonly for: 'peers';
      readonly role: Role;
      readonly onConnection: (connection: SecuredConnection) => void;
    }
  | {
      readonly for: 'guests';
      readonly gateway: SimulatedGateway;
      readonly onConnection: (connection: VisitorConnection) => void;
    };
