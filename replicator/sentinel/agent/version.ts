// Replaced by the builder, which knows it.
declare const sealiftVersion: string | undefined;

/** The version of this agent. One that was not built says so. */
export const agentVersion: string = typeof sealiftVersion === 'string' ? sealiftVersion : 'unbuilt';
