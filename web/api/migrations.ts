import { Hono } from 'hono';
import { migrationId, type MigrationId } from '#core/ids';
import type { MigrationView } from '#core/fleet/fleet-view';
import { instant } from '#core/units';
import type { CommandPort } from '#web/ports';
import { migrationCommandSchema } from './command-schema.ts';
import { problem } from './problem.ts';
import { readCommand, readSender } from './request.ts';
import type { RunView } from './run-view.ts';
import { migrationAbilities, migrationDetail, migrationSummary } from './views.ts';

/** What the migration routes ask for: a run to show, and someone who carries out wishes if there is one. */
export interface MigrationsPorts {
  readonly run: Pick<RunView, 'fleet' | 'now' | 'description'>;
  readonly commands?: Pick<CommandPort, 'migration'>;
}

/** Lists and shows migrations, and takes commands to them. */
export const migrationRoutes = ({ run, commands }: MigrationsPorts) => {
  const now = () => run.now() ?? instant(0);
  const find = (id: string): MigrationView | undefined => run.fleet.migrations.get(id as MigrationId);
  return new Hono()
    .get('/', (c) =>
      c.json({ migrations: [...run.fleet.migrations.values()].map((view) => migrationSummary(view, now())) }),
    )
    .get('/:id', (c) => {
      const id = c.req.param('id');
      const view = find(id);
      return view ? c.json(migrationDetail(view, now())) : problem(c, { type: 'NoSuchMigration', id });
    })
    .post('/:id/commands', async (c) => {
      const id = c.req.param('id');
      if (run.description.mode === 'replay') return problem(c, { type: 'Recording', source: run.description.source });
      if (!commands) return problem(c, { type: 'NotDrivenHere' });
      const sender = readSender(c);
      if (!sender.ok) return problem(c, sender.error);
      const command = await readCommand(c, migrationCommandSchema);
      if (!command.ok) return problem(c, command.error);
      const known = find(id);
      if (!known && command.value.type !== 'DraftMigration') return problem(c, { type: 'NoSuchMigration', id });
      const checked = checkedId(id);
      if (checked === undefined) return problem(c, { type: 'NoSuchMigration', id });
      const done = await commands.migration(checked, { ...sender.value, command: command.value });
      if (done.ok) return c.json({ id: sender.value.id, done: true as const });
      const view = find(id);
      const legal = view && migrationAbilities(view).flatMap(({ command: name, possible }) => (possible ? [name] : []));
      return problem(c, done.error, legal);
    });
};

function checkedId(id: string): MigrationId | undefined {
  try {
    return migrationId(id);
  } catch {
    return undefined; // A name that can be no id names no migration.
  }
}
