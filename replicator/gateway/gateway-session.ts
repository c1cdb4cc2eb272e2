import { isAbsolute } from 'node:path';
import { abortedWith, calledOff } from '#core/called-off';
import { ok, type Result } from '#core/result';
import type { Files } from '#replicator/disk/files';
import type { ReplicationError, ReplicationJob, RunOptions } from '#replicator/pipeline/replication';
import { createThrottle, type Throttle } from '#replicator/pipeline/throttle';
import type { Channel } from '#replicator/protocol/channel';
import type { Message } from '#replicator/protocol/message';
import {
  answerAboutGuests,
  isGuestQuestion,
  type GuestQuestion,
  type NewestAgent,
} from '#replicator/gateway/guests/manager-questions';
import type { Guests } from '#replicator/gateway/guests/guests';
import type { GatewayJobs } from './jobs.ts';

/*
 * One manager's connection, at the gateway: one job at a time, told as data.
 *
 * The job lives as long as the connection. When the manager is gone, the job is cancelled: what is durable stays so, and
 * whoever asks for the same round again continues it. So there is never a job that nobody watches or can stop.
 */

/** Jobs that run in this gateway, by replica: a replica has one job, and the newest connection has the say. */
export type RunningJobs = Map<string, { stop(): Promise<void> }>;

type Question = Extract<Message, { type: 'Run' | 'Compare' | 'Inspect' }>;

/** What all managers of a gateway share. */
export interface GatewaySite {
  readonly jobs: GatewayJobs;
  /** Undefined where no sentinels come. */
  readonly guests: Guests | undefined;
  readonly newestAgent: NewestAgent | undefined;
  /** Where that agent is. */
  readonly files: Pick<Files, 'readFile'>;
  readonly log: (line: string) => void;
}

/** Serves one connection until it ends. Leaves no job running. */
export async function serveManager(site: GatewaySite, jobs: RunningJobs, channel: Channel): Promise<void> {
  const gone = new AbortController();
  const throttle = createThrottle();
  let job: Promise<void> | undefined;
  await new Promise<void>((resolve) => {
    channel.listen({
      onIncoming: (incoming) => {
        const message = incoming.type === 'said' ? incoming.message : undefined;
        if (message?.type === 'Limit') return throttle.set(message.limit);
        const question = asQuestion(message);
        if (message && isGuestQuestion(message) && !job) {
          job = answerGuests(site, channel, message).finally(() => {
            job = undefined;
          });
          return;
        }
        if (!question || job) return channel.refuse(question ? 'a second job at once' : `${incoming.type} out of turn`);
        if (question.type === 'Run') throttle.set(question.limit);
        job = answer(site, jobs, channel, question, throttle, gone.signal).finally(() => {
          job = undefined;
        });
      },
      onEnd: () => resolve(),
    });
  });
  gone.abort(calledOff);
  await job;
}

const asQuestion = (message: Message | undefined): Question | undefined =>
  message?.type === 'Run' || message?.type === 'Compare' || message?.type === 'Inspect' ? message : undefined;

async function answerGuests(site: GatewaySite, channel: Channel, question: GuestQuestion): Promise<void> {
  channel.say(await answerAboutGuests(site, question));
}

async function answer(
  site: GatewaySite,
  jobs: RunningJobs,
  channel: Channel,
  question: Question,
  throttle: Throttle,
  gone: AbortSignal,
): Promise<void> {
  const relative = question.type === 'Inspect' ? undefined : refuseRelative(question);
  if (relative) return channel.say({ type: 'Failed', error: relative });
  const answered = await alone(jobs, replicaOf(question), gone, (signal) =>
    perform(site, question, {
      signal,
      throttle,
      onProgress: (progress) => channel.say({ type: 'Progress', progress }),
    }),
  );
  channel.say(answered.ok ? answered.value : { type: 'Failed', error: answered.error });
}

async function perform(
  site: GatewaySite,
  question: Question,
  options: RunOptions,
): Promise<Result<Message, ReplicationError>> {
  switch (question.type) {
    case 'Run': {
      const { job } = question;
      site.log(`round ${job.round} of ${job.target} (${job.mode}) for session ${job.session}`);
      const report = await site.jobs.run(job, options);
      site.log(`round ${job.round} of ${job.target}: ${report.ok ? 'complete' : report.error.type}`);
      return report.ok ? ok({ type: 'Report', report: report.value }) : report;
    }
    case 'Compare': {
      const comparison = await site.jobs.compare(question, options);
      return comparison.ok ? ok({ type: 'Compared', comparison: comparison.value }) : comparison;
    }
    case 'Inspect': {
      const progress = await site.jobs.inspect(question);
      return progress.ok ? ok({ type: 'Inspected', progress: progress.value }) : progress;
    }
  }
}

function replicaOf(question: Question): string {
  const { session, disk, target }: Pick<ReplicationJob, 'session' | 'disk' | 'target'> =
    question.type === 'Run' ? question.job : question;
  return JSON.stringify([session, disk, target]);
}

/** A path that means something else on each machine is asked about rather than guessed. */
function refuseRelative(question: Extract<Question, { type: 'Run' | 'Compare' }>): ReplicationError | undefined {
  const { source } = question.type === 'Run' ? question.job : question;
  if (source.type !== 'file' || isAbsolute(source.path)) return undefined;
  const detail = 'the gateway opens it, and needs its absolute path on its own machine';
  return { type: 'SourceUnavailable', source: source.path, detail };
}

/**
 * Runs work on a replica after stopping whatever ran on it: a manager that lost its connection without our noticing
 * asks again on a new one, and its old job must be over before.
 */
async function alone<T>(
  jobs: RunningJobs,
  replica: string,
  gone: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const before = jobs.get(replica);
  const { controller: stopped, letGo } = abortedWith(gone);
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const mine = {
    stop: () => {
      stopped.abort(calledOff);
      return ended;
    },
  };
  jobs.set(replica, mine);
  try {
    await before?.stop();
    return await work(stopped.signal);
  } finally {
    letGo();
    if (jobs.get(replica) === mine) jobs.delete(replica);
    end();
  }
}
