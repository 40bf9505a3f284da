// salesforce-pubsub-api-client against a local org. Reads what to do as JSON on stdin (so that no token stands in the
// argument list), subscribes, and writes the events it saw as JSON on stdout.
import { text } from 'node:stream/consumers';
import PubSubApiClient from 'salesforce-pubsub-api-client';

const given = JSON.parse(await text(process.stdin));
const quiet = () => {};
const client = new PubSubApiClient(
  {
    authType: 'user-supplied',
    accessToken: given.accessToken,
    instanceUrl: given.url,
    organizationId: given.organizationId,
    pubSubEndpoint: given.pubsub,
    rejectUnauthorizedSsl: false,
  },
  { debug: quiet, info: quiet, warn: quiet, error: quiet },
);
await client.connect();

const seen = [];
const finished = {};
finished.promise = new Promise((resolve, reject) => Object.assign(finished, { resolve, reject }));

function onCallback(info, kind, data) {
  if (kind === 'error') finished.reject(data);
  if (kind === 'end') finished.reject(new Error('the stream has ended'));
  if (kind === 'lastEvent' && seen.length < given.number) {
    client.requestAdditionalEvents(info.topicName, Math.min(100, given.number - seen.length));
  }
  if (kind !== 'event') return;
  const { ChangeEventHeader: header, ...body } = data.payload;
  const told = Object.entries(body).filter(([, value]) => value !== null);
  seen.push({ replayId: data.replayId, id: data.id, header, told: Object.fromEntries(told) });
  if (seen.length === given.number) finished.resolve();
}

if (given.replayId !== undefined) await client.subscribeFromReplayId(given.topic, onCallback, 100, given.replayId);
else await client.subscribeFromEarliestEvent(given.topic, onCallback, 100);
try {
  await finished.promise;
} catch (error) {
  process.stderr.write(String(error?.stack ?? error));
  process.exit(1);
}
// BigInts and odd values of the decoder's as text.
const plain = (_key, value) => (typeof value === 'bigint' ? Number(value) : value);
process.stdout.write(JSON.stringify(seen, plain), () => process.exit(0));
