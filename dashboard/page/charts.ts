/** Throughput, lag and pauses as they come. Each chart says its newest figures in words too. */
import { html } from 'htm/preact';
import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { rest } from './store.ts';
import { number, rate } from './words.ts';

const HEIGHT = 150;

export function Charts(): VNode {
  const samples = rest.value?.samples ?? [];
  const pauses = rest.value?.pauses ?? [];
  const last = samples.at(-1);
  const seconds = samples.map(({ atMs }) => atMs / 1000);
  const said =
    last === undefined
      ? 'no figures yet'
      : `${rate(last.received)} received and ${rate(last.delivered)} delivered a second`;
  const longest = pauses.length === 0 ? null : Math.max(...pauses.map(({ pauseMs }) => pauseMs));
  return html`<section class="charts" aria-label="Charts">
    <${Chart} title="Messages a second" said=${said} data=${[seconds, samples.map((each) => each.received), samples.map((each) => each.delivered)]} series=${[{ label: 'received', stroke: '--line-1' }, { label: 'delivered', stroke: '--line-2', dash: [6, 4] }]} />
    <${Chart} title="Shadow copies that wait" said=${last === undefined ? 'no figures yet' : number(last.lag)} data=${[seconds, samples.map((each) => each.lag)]} series=${[{ label: 'lag', stroke: '--line-1' }]} />
    <${Chart} title="Pauses of swaps (ms)" said=${longest === null ? 'none known; they come with DATABASE_URL' : `${pauses.length === 1 ? '1 swap' : `${number(pauses.length)} swaps`}, the longest ${number(longest)} ms`} data=${[pauses.map(({ atMs }) => atMs / 1000), pauses.map(({ pauseMs }) => pauseMs)]} series=${[{ label: 'pause', stroke: '--line-1', isPoints: true }]} />
  </section>`;
}

type Line = { label: string; stroke: string; dash?: number[]; isPoints?: boolean };
type ChartProps = { title: string; said: string; data: uPlot.AlignedData; series: Line[] };

function Chart({ title, said, data, series }: ChartProps): VNode {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const newest = useRef(data);
  newest.current = data;
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const draw = (): void => {
      plot.current?.destroy();
      plot.current = new uPlot(optionsOf(series, element.clientWidth), newest.current, element);
    };
    draw();
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    resized.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', draw);
    return () => {
      scheme.removeEventListener('change', draw);
      resized.disconnect();
      plot.current?.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData(data), [data]);
  return html`<figure class="chart">
    <figcaption><b>${title}</b> <span>${said}</span></figcaption>
    <div ref=${place} role="img" aria-label=${`${title}: ${said}`}></div>
  </figure>`;
}

const MINUTES = { hour: '2-digit', minute: '2-digit' } as const;
/** Ticks closer than a minute need the seconds. */
function clock(atMs: number, splits: readonly number[]): string {
  const [first = 0, second = 0] = splits;
  const isFine = second - first < 60;
  return new Date(atMs).toLocaleTimeString('en-GB', isFine ? { ...MINUTES, second: '2-digit' } : MINUTES);
}

function optionsOf(series: readonly Line[], width: number): uPlot.Options {
  const styles = getComputedStyle(document.documentElement);
  const colour = (name: string): string => styles.getPropertyValue(name).trim();
  const axis = { stroke: colour('--soft'), grid: { stroke: colour('--rule'), width: 1 }, ticks: { show: false } };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.1)] } },
    axes: [
      {
        ...axis,
        size: 30,
        space: 80,
        values: (_plot, splits) => splits.map((at) => clock(at * 1000, splits)),
      },
      { ...axis, size: 56 },
    ],
    series: [
      {},
      ...series.map(({ label, stroke, dash, isPoints = false }) => ({
        label,
        stroke: colour(stroke),
        width: isPoints ? 0 : 2,
        points: { show: isPoints, size: 6 },
        ...(dash === undefined ? {} : { dash }),
      })),
    ],
  };
}
