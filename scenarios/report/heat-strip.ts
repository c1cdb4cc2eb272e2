import { formatDuration, formatPercent, formatRate } from '#core/text/format';
import type { PlaceForecast, UsageForecast } from '#scenarios/forecast-usage';
import { tickSide, tickText, timeTicks } from './axis.ts';
import { percent, plot, unit } from './chart-frame.ts';
import { markup, type Markup } from './markup.ts';

// Estates have hundreds of hosts; those that are hardly used say nothing of where a wave is held up.
const placesMax = 14;
// Of places that are all idle, none is tight.
const framedMin = 0.05;

/** How busy each place was over time: a strip per place, the busiest first, and the tightest place of each hour. */
export function heatStrip(usage: UsageForecast): Markup {
  const shown = usage.places.slice(0, placesMax);
  const columns = Math.max(1, ...usage.places.map(({ utilisation }) => utilisation.length));
  const until = columns * usage.bucket;
  const left = usage.places.length - shown.length;
  const cell = tickText(usage.bucket);
  return markup`<figure class="chart" id="strip">
<figcaption><h3>How busy each place was</h3><p>Each cell is ${cell}; the darker, the more of what the place can carry was carried, the mean over all seeds. A frame marks the tightest place of its hour.${left > 0 && ` ${left} more places were less busy than these.`}</p></figcaption>
<ul class="legend"><li>0 %</li><li><i class="ramp"></i></li><li>100 %</li><li><i class="swatch framed"></i>the tightest of its hour</li></ul>
<div class="strips">
${shown.map((place) => strip(place, usage, columns))}
<div class="ticks" aria-hidden="true">${timeTicks(0, until, 8).map(
    (at, i, all) =>
      markup`<span class="${tickSide(at / until)} ${all.length > 5 && i % 2 === 1 && 'odd'}" style="--at:${percent(at / until)}">${tickText(at)}</span>`,
  )}</div>
</div>
<details><summary>As a table</summary><div class="scroll" role="region" aria-label="How busy each place was, as a table" tabindex="0">${usageTable(shown, usage)}</div></details>
</figure>`;
}

function strip(
  { name, capacity, utilisation }: PlaceForecast,
  { hours, bucket }: UsageForecast,
  columns: number,
): Markup {
  const width = 1 / columns;
  const peak = utilisation.reduce((most, n) => Math.max(most, n), 0);
  const cells = utilisation.map((used, i) =>
    used < 0.005
      ? markup``
      : markup`<rect class="heat" x="${unit(i * width)}" width="${unit(width)}" height="${plot.height}" fill-opacity="${Math.round(used * 100) / 100}"/>`,
  );
  const frames = hours
    .filter(({ place, utilisation: used }) => place === name && used >= framedMin)
    .map(({ from, lasts }) => {
      const end = Math.min(1, (from + lasts) / bucket / columns);
      const begin = from / bucket / columns;
      return markup`<rect class="frame-of-hour" x="${unit(begin)}" width="${unit(end - begin)}" height="${plot.height}"/>`;
    });
  return markup`<div class="strip"><div class="place"><b>${name}</b> <span>${formatRate(capacity)}</span></div>
<svg viewBox="0 0 ${plot.width} ${plot.height}" preserveAspectRatio="none" role="img" aria-label="${name}: at most ${formatPercent(peak)} used"><title>${name}</title><desc>At most ${formatPercent(peak)} of ${formatRate(capacity)} used in ${formatDuration(bucket)}.</desc>
${cells}${frames}</svg></div>`;
}

function usageTable(places: readonly PlaceForecast[], { hours, bucket }: UsageForecast): Markup {
  return markup`<table><caption>Part of what each place can carry that was carried, by the hour</caption>
<thead><tr><th scope="col">From</th><th scope="col">Tightest</th>${places.map(({ name }) => markup`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${hours.map(({ from, lasts, place }) => {
    const [begin, end] = [from / bucket, (from + lasts) / bucket];
    const mean = (row: readonly number[]): number =>
      row.slice(begin, end).reduce((sum, n) => sum + n, 0) / Math.max(1, end - begin);
    return markup`<tr><th scope="row">${tickText(from)}</th><td>${place ?? 'none'}</td>${places.map(({ utilisation }) => markup`<td>${formatPercent(mean(utilisation))}</td>`)}</tr>
`;
  })}</tbody></table>`;
}
