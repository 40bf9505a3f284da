// jsforce against a local org. Reads {job, ...} as JSON on stdin (so that no token stands in the argument list),
// does that one job, and writes what it saw as JSON on stdout.
import { text } from 'node:stream/consumers';
import jsforce from 'jsforce';

const given = JSON.parse(await text(process.stdin));

function connect(more = {}) {
  return new jsforce.Connection({
    instanceUrl: given.url,
    accessToken: given.accessToken,
    version: given.version ?? '65.0',
    maxRequest: 10,
    ...more,
  });
}

const jobs = {
  // A session that has run out is renewed with the refresh token, unseen by the caller.
  async refresh() {
    const conn = connect({
      accessToken: '00Dstale',
      refreshToken: given.refreshToken,
      oauth2: { loginUrl: given.url, clientId: given.clientId, redirectUri: given.callback },
    });
    const refreshed = [];
    conn.on('refresh', (token, reply) => refreshed.push({ token, reply }));
    const who = await conn.identity();
    const found = await conn.query('SELECT Id FROM Contact LIMIT 1');
    return {
      refreshes: refreshed.length,
      hasRefreshToken: 'refresh_token' in refreshed[0].reply,
      username: who.username,
      organizationId: who.organization_id,
      found: found.totalSize,
    };
  },

  // The whole login: authorize address, pages (skipped by auto-approve), code, tokens, revoke.
  async login() {
    const oauth2 = new jsforce.OAuth2({
      loginUrl: given.url,
      clientId: given.clientId,
      redirectUri: given.callback,
      useVerifier: true,
    });
    const address = oauth2.getAuthorizationUrl({ scope: 'api refresh_token', state: 's t&=' });
    const answer = await fetch(address, { redirect: 'manual' });
    const back = new URL(answer.headers.get('location'));
    const conn = new jsforce.Connection({ oauth2 });
    const who = await conn.authorize(back.searchParams.get('code'));
    const seen = (await conn.query('SELECT COUNT() FROM Contact')).totalSize;
    const { accessToken, refreshToken } = conn;
    await conn.logout(true);
    const refused = await connect({ accessToken })
      .query('SELECT COUNT() FROM Contact')
      .catch((error) => error.errorCode);
    const gone = await oauth2.refreshToken(refreshToken).catch((error) => `${error.name}: ${error.message}`);
    return {
      state: back.searchParams.get('state'),
      userId: who.id,
      orgId: who.organizationId,
      seen,
      refused,
      gone,
    };
  },

  async query() {
    const conn = connect();
    const first = await conn.query('SELECT Id, LastName, Account.Name FROM Contact ORDER BY LastName');
    const records = [...first.records];
    let pages = 1;
    for (let page = first; !page.done; pages += 1) {
      page = await conn.queryMore(page.nextRecordsUrl);
      records.push(...page.records);
    }
    const streamed = await conn.query('SELECT Id FROM Contact').run({ autoFetch: true, maxFetch: 100000 });
    return {
      total: first.totalSize,
      pages,
      read: records.length,
      distinct: new Set(records.map((each) => each.Id)).size,
      streamed: streamed.records.length,
      type: records[0].attributes.type,
    };
  },

  async records() {
    const conn = connect();
    const made = await conn.sobject('Contact').create({ FirstName: 'Ada', LastName: "O'Neil / Ünï" });
    await conn.sobject('Contact').update({ Id: made.id, Title: 'Countess' });
    const read = await conn.sobject('Contact').retrieve(made.id);
    const key = 'evt-jsforce-1'; // jsforce puts a key into the path as it is
    const task = { PenguinMails_Event_Id__c: key, Subject: 'Email: sent', WhoId: made.id };
    const first = await conn.sobject('Task').upsert(task, 'PenguinMails_Event_Id__c');
    const again = await conn.sobject('Task').upsert({ ...task, Subject: 'Email: opened' }, 'PenguinMails_Event_Id__c');
    const found = await conn.sobject('Task').findOne({ PenguinMails_Event_Id__c: key }, ['Id', 'Subject', 'Who.Name']);
    const gone = await conn.sobject('Contact').destroy(made.id);
    const after = await conn.sobject('Contact').retrieve(made.id).catch((error) => error.errorCode);
    const bad = await conn.sobject('Contact').create({ FirstName: 'No' }).catch((error) => error);
    return { made, read, first, again, found, gone, after, bad: { code: bad.errorCode, message: bad.message } };
  },

  async collections() {
    const conn = connect();
    const many = Array.from({ length: 450 }, (_, at) => ({ LastName: at === 7 ? '' : `c${at}` }));
    const made = await conn.sobject('Contact').create(many, { allowRecursive: true });
    const good = made.filter((each) => each.success);
    const updated = await conn.sobject('Contact').update(
      good.slice(0, 3).map((each) => ({ Id: each.id, Title: 't' })),
    );
    const read = await conn.sobject('Contact').retrieve(good.slice(0, 3).map((each) => each.id));
    const gone = await conn.sobject('Contact').destroy(good.slice(0, 200).map((each) => each.id));
    return {
      made: made.length,
      failed: made.map((each, at) => [at, each]).filter(([, each]) => !each.success),
      updated: updated.every((each) => each.success),
      titles: read.map((each) => each.Title),
      gone: gone.filter((each) => each.success).length,
    };
  },

  async bulk() {
    const conn = connect();
    conn.bulk2.pollInterval = 20;
    const input = Array.from({ length: 300 }, (_, at) => ({
      LastName: at % 100 ? `b${at}` : '',
      Description: `line one\n"two", ${at}`,
    }));
    const results = await conn.bulk2.loadAndWaitForResults({ object: 'Contact', operation: 'insert', input });
    const ids = results.successfulResults.map((each) => each.sf__Id);
    const cleared = await conn.bulk2.loadAndWaitForResults({
      object: 'Contact',
      operation: 'update',
      input: ids.map((Id) => ({ Id, Description: null })),
    });
    const stream = await conn.bulk2.query(
      "SELECT Id, LastName, Description, CreatedDate FROM Contact WHERE LastName LIKE 'b%' AND Title = null",
      { pollInterval: 20, pollTimeout: 10000 },
    );
    const rows = await stream.toArray();
    return {
      good: results.successfulResults.length,
      bad: results.failedResults.map((each) => each.sf__Error),
      unprocessed: results.unprocessedRecords.length,
      echoed: results.successfulResults[0].Description.startsWith('line one\n"two", '),
      cleared: cleared.successfulResults.length,
      mine: rows.filter((each) => ids.includes(each.Id)).length,
      example: rows.find((each) => ids.includes(each.Id)),
    };
  },

  // A package by REST; jsforce itself looks after it by SOAP, so that the look here is a plain request.
  async deploy() {
    const conn = connect();
    const { id, deployResult } = await conn.metadata.deployRest(Buffer.from(given.zip, 'base64'), given.options);
    const seen = await conn.request(`/metadata/deployRequest/${id}?includeDetails=true`);
    return { id, first: deployResult.status, result: seen.deployResult };
  },

  async about() {
    const conn = connect();
    const described = await conn.sobject('Contact').describe();
    const all = await conn.describeGlobal();
    const limits = await conn.limits();
    const identity = await conn.identity();
    return {
      fields: described.fields.map((each) => each.name),
      objects: all.sobjects.map((each) => each.name),
      limits,
      usage: conn.limitInfo,
      identity,
    };
  },
};

process.stdout.write(JSON.stringify(await jobs[given.job]()));
