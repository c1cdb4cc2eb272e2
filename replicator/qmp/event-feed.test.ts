import { describe, expect, it } from 'vitest';
import { eventFeed, type FeedItem } from './event-feed.ts';

const event = (name: string) => ({ name, data: {} });

async function collect(items: AsyncIterable<FeedItem>): Promise<readonly string[]> {
  const seen: string[] = [];
  for await (const item of items) seen.push(item.type === 'Event' ? item.event.name : `${item.type} ${item.count}`);
  return seen;
}

describe('eventFeed', () => {
  it('gives each follower every event from the moment it followed', async () => {
    const feed = eventFeed();
    const early = feed.follow();
    feed.announce(event('STOP'));
    const late = feed.follow();
    feed.announce(event('RESUME'));
    feed.end();
    expect(await collect(early)).toEqual(['STOP', 'RESUME']);
    expect(await collect(late)).toEqual(['RESUME']);
  });

  it('wakes a follower that waits', async () => {
    const feed = eventFeed();
    const items = feed.follow();
    const next = items.next();
    feed.announce(event('STOP'));
    expect(await next).toEqual({ done: false, value: { type: 'Event', event: event('STOP') } });
  });

  it('says how much a slow follower missed, and keeps the newest', async () => {
    const feed = eventFeed(2);
    const items = feed.follow();
    for (const name of ['A', 'B', 'C', 'D']) feed.announce(event(name));
    feed.end();
    expect(await collect(items)).toEqual(['EventsDropped 2', 'C', 'D']);
  });

  it('ends a follower whose signal is aborted, and no other', async () => {
    const feed = eventFeed();
    const abort = new AbortController();
    const ended = collect(feed.follow(abort.signal));
    const going = feed.follow();
    abort.abort();
    expect(await ended).toEqual([]);
    feed.announce(event('STOP'));
    expect((await going.next()).value).toEqual({ type: 'Event', event: event('STOP') });
  });

  it('ends whoever subscribes after the end', async () => {
    const feed = eventFeed();
    feed.end();
    expect(await collect(feed.follow())).toEqual([]);
    await new Promise<void>((resolve) => feed.subscribe({ announced: () => {}, ended: resolve }));
  });
});
