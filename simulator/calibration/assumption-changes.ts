import { guestNames, guests, type Span } from '#simulator/estate/guest';
import { constantTree, type AssumptionChanges } from '#simulator/flow/assumptions';
import { isConstant, type ConstantTree } from '#simulator/flow/constant';
import type { Calibration, SpanFit } from './calibration.ts';

/*
 * What a calibration says otherwise than the assumptions of the flow world. Logs tell less than the world has constants:
 *
 * - All that a round takes beside its bytes counts as opening it; closing it and merging a snapshot then take nothing.
 * - Powering on the target and the boot of its guest are one step in a log: all of it counts as the boot.
 * - Plans know families of guests and no releases: each release of a family gets the same.
 */

/** The constants of the flow world that a calibration has measured. The rest stays as it is assumed. */
export function assumedFrom({ rounds, platforms, guests: families, steps }: Calibration): AssumptionChanges {
  const launched = Object.values(families).some((family) => family?.launch !== undefined);
  return {
    guests: Object.fromEntries(
      guestNames.flatMap((name) => {
        const fits = families[guests[name].family];
        return fits ? [[name, spans({ stop: fits.quiesce, fixUp: fits.fixUp, boot: fits.launch })]] : [];
      }),
    ),
    platforms: Object.fromEntries(
      Object.entries(platforms).map(([name, fits]) => [
        name,
        {
          ...spans({ begin: fits?.initiate, fence: fits?.fence, openRound: rounds.overhead }),
          mergePerGiB: nothing,
        },
      ]),
    ),
    target: { ...spans({ connect: steps.connect }), ...(launched && { powerOn: nothing }) },
    answers: spans({ look: steps.verify, validate: steps.validate }),
    rounds: { close: nothing, ...(rounds.zero && { zero: rounds.zero.share }) },
    streams: { diskMax: rounds.rate.median },
  };
}

const nothing: Span = [0, 0];

/** Fits as spans in seconds; what was not seen is left out. */
function spans<K extends string>(fits: { readonly [key in K]: SpanFit | undefined }): { readonly [key in K]?: Span } {
  const found: { [key in K]?: Span } = {};
  for (const name of Object.keys(fits) as K[]) {
    const fit = fits[name];
    if (fit) found[name] = spanOf(fit);
  }
  return found;
}

/**
 * The world draws evenly from a span, and real durations have a long tail: the longer side is cut until the median is in
 * the middle. So what is forecast is the usual case; how bad it can get is left to faults.
 */
function spanOf({ from, median, to }: SpanFit): Span {
  const reach = Math.min(median - from, to - median);
  return [(median - reach) / 1_000, (median + reach) / 1_000];
}

/** Two sets of changes as one: constant by constant, what is said in `above` holds. */
export function changesOver(below: AssumptionChanges, above: AssumptionChanges): AssumptionChanges {
  return merged(constantTree, below as Values, above as Values) as AssumptionChanges;
}

type Values = Readonly<Record<string, unknown>>;

function merged(tree: ConstantTree, below: Values, above: Values): Values {
  return Object.fromEntries(
    Object.entries(tree).flatMap(([name, branch]): readonly (readonly [string, unknown])[] => {
      const [under, over] = [below[name], above[name]];
      if (isConstant(branch) || under === undefined || over === undefined) {
        const said = over ?? under;
        return said === undefined ? [] : [[name, said]];
      }
      return [[name, merged(branch, under as Values, over as Values)]];
    }),
  );
}
