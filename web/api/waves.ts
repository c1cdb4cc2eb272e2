import { Hono } from 'hono';
import { waveId, type WaveId } from '#core/ids';
import type { WaveView } from '#core/fleet/fleet-view';
import type { CommandPort } from '#web/ports';
import { waveCommandSchema } from './command-schema.ts';
import { problem } from './problem.ts';
import { readCommand, readSender } from './request.ts';
import type { RunView } from './run-view.ts';
import { waveAbilities, waveDetail, waveSummary } from './views.ts';

/** What the wave routes ask for. */
export interface WavesPorts {
  readonly run: Pick<RunView, 'fleet' | 'description'>;
  readonly commands?: Pick<CommandPort, 'wave'>;
}

/** Lists and shows waves, and takes commands to them. */
export const waveRoutes = ({ run, commands }: WavesPorts) => {
  const find = (id: string): WaveView | undefined => run.fleet.waves.get(id as WaveId);
  return new Hono()
    .get('/', (c) => c.json({ waves: [...run.fleet.waves.values()].map(waveSummary) }))
    .get('/:id', (c) => {
      const id = c.req.param('id');
      const view = find(id);
      return view ? c.json(waveDetail(view)) : problem(c, { type: 'NoSuchWave', id });
    })
    .post('/:id/commands', async (c) => {
      const id = c.req.param('id');
      if (run.description.mode === 'replay') return problem(c, { type: 'Recording', source: run.description.source });
      if (!commands) return problem(c, { type: 'NotDrivenHere' });
      const sender = readSender(c);
      if (!sender.ok) return problem(c, sender.error);
      const command = await readCommand(c, waveCommandSchema);
      if (!command.ok) return problem(c, command.error);
      const known = find(id);
      if (!known && command.value.type !== 'DraftWave') return problem(c, { type: 'NoSuchWave', id });
      const checked = checkedId(id);
      if (checked === undefined) return problem(c, { type: 'NoSuchWave', id });
      const done = await commands.wave(checked, { ...sender.value, command: command.value });
      if (done.ok) return c.json({ id: sender.value.id, done: true as const });
      const view = find(id);
      const legal = view && waveAbilities(view).flatMap(({ command: name, possible }) => (possible ? [name] : []));
      return problem(c, done.error, legal);
    });
};

function checkedId(id: string): WaveId | undefined {
  try {
    return waveId(id);
  } catch {
    return undefined; // A name that can be no id names no wave.
  }
}
