/** Why a method did not do what it was asked, by the names of the return values of the WMI services. */
export interface HypervFault {
  readonly type: 'Failed' | 'InvalidParameter' | 'InvalidState';
  readonly detail: string;
}
