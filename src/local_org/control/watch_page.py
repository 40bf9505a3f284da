"""The page where one watches the org: people fill up, and one person's timeline grows.

One self-contained document. It asks ``/_local/watch`` every second and a half and writes what it
gets as text, never as HTML, so that a name with a tag in it is just a name.
"""

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def routes() -> list[Route]:
    """The page's address."""
    return [Route("/", _page, methods=["GET"])]


async def _page(_request: Request) -> Response:
    return HTMLResponse(
        _DOCUMENT, headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
    )


_STYLE = """
:root { color-scheme: light dark; --ink: #16202c; --soft: #5b6b7c; --line: #dde4ec; --paper: #fff; --back: #f3f6fa;
  --accent: #0b5cab; --new: #e6f4ea; --warn: #b3261e; --chip: #e8eff7; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7edf4; --soft: #9aabbc; --line: #2b3744; --paper: #17202a;
  --back: #0e151c; --accent: #7cb8f5; --new: #1d3a2a; --warn: #ff8a80; --chip: #223140; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: baseline; padding: 1rem 1.5rem;
  background: var(--paper); border-bottom: 1px solid var(--line); }
h1 { font-size: 1.15rem; margin: 0; }
header span { color: var(--soft); }
header b { color: var(--ink); font-variant-numeric: tabular-nums; }
#alive { margin-left: auto; }
#alive.off { color: var(--warn); }
main { display: grid; grid-template-columns: minmax(0, 3fr) minmax(20rem, 2fr); gap: 1rem; padding: 1rem 1.5rem;
  align-items: start; }
@media (max-width: 60rem) { main { grid-template-columns: minmax(0, 1fr); } }
section { background: var(--paper); border: 1px solid var(--line); border-radius: .6rem; overflow: hidden; }
section + section { margin-top: 1rem; }
h2 { font-size: .95rem; margin: 0; padding: .7rem 1rem; border-bottom: 1px solid var(--line); }
.scroll { overflow-x: auto; max-height: 24rem; overflow-y: auto; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; }
th, td { text-align: left; padding: .4rem .7rem; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { position: sticky; top: 0; background: var(--paper); color: var(--soft); font-weight: 600; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
tr.fresh td { background: var(--new); transition: background 2s; }
button.name { all: unset; cursor: pointer; color: var(--accent); font-weight: 600; }
button.name:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
.chip { background: var(--chip); border-radius: 1rem; padding: .05rem .55rem; font-size: .8rem; }
.chip.warn { color: var(--warn); }
section[hidden] { display: none; }
#platform-section, #bus-section { grid-column: 1 / -1; }
#platform-state, #bus-state { margin: 0; padding: .6rem 1rem; color: var(--soft); font-size: .88rem; }
#platform-state.bad, td.bad { color: var(--warn); }
td.answer { max-width: 30rem; overflow: hidden; text-overflow: ellipsis; }
.empty { padding: 1rem; color: var(--soft); margin: 0; }
ol { list-style: none; margin: 0; padding: .3rem 1rem 1rem; }
ol li { border-left: 3px solid var(--line); padding: .45rem 0 .45rem .9rem; position: relative; }
ol li::before { content: ""; position: absolute; left: -6px; top: .95rem; width: 9px; height: 9px; border-radius: 50%;
  background: var(--accent); }
ol .when { color: var(--soft); font-size: .82rem; }
ol .what { font-weight: 600; overflow-wrap: anywhere; }
ol .more { white-space: pre-wrap; overflow-wrap: anywhere; color: var(--soft); font-size: .85rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0; padding: .8rem 1rem; font-size: .85rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
"""

_SCRIPT = """
'use strict';
const byId = id => document.getElementById(id);
let chosen = location.hash.slice(1), known = new Map();

function make(tag, text, name) {
  const node = document.createElement(tag);
  if (text !== undefined && text !== null) node.textContent = String(text);
  if (name) node.className = name;
  return node;
}
const short = stamp => stamp ? stamp.slice(0, 16).replace('T', ' ') : '';
const plain = name => name.replace(/__c$/, '').replace(/^PenguinMails_/, '').replaceAll('_', ' ');

function link(id, text) {
  const node = make('button', text, 'name');
  node.type = 'button';
  node.addEventListener('click', () => { chosen = id; location.hash = id; person(); });
  return node;
}

function people(target, lines) {
  const named = [...new Set(lines.flatMap(line => Object.keys(line.values)))];
  const columns = named.filter(name => lines.some(line => ![null, false].includes(line.values[name])));
  const table = make('table'), head = make('tr');
  ['Name', ...columns.map(plain), 'Modified'].forEach(title => head.append(make('th', title)));
  table.append(make('thead'), make('tbody'));
  table.tHead.append(head);
  for (const line of lines) {
    const row = make('tr'), first = make('td');
    first.append(link(line.id, line.name));
    if (line.converted) first.append(' ', make('span', 'converted', 'chip'));
    row.append(first);
    for (const name of columns) {
      const value = line.values[name], cell = make('td');
      if (value === true) cell.append(make('span', 'yes', 'chip warn'));
      else if (typeof value === 'number') { cell.textContent = value; cell.className = 'number'; }
      else if (value) cell.textContent = /^\\d{4}-\\d\\d-\\d\\dT/.test(value) ? short(value) : value;
      row.append(cell);
    }
    row.append(make('td', short(line.modified)));
    if (known.size && known.get(line.id) !== line.modified) row.className = 'fresh';
    table.tBodies[0].append(row);
  }
  byId(target).replaceChildren(lines.length ? table : make('p', 'Nobody yet.', 'empty'));
  return lines.map(line => [line.id, line.modified]);
}

function timeline(tasks, withWho) {
  if (!tasks.length) return make('p', 'No activity yet.', 'empty');
  const list = make('ol');
  for (const task of tasks) {
    const item = make('li'), when = make('div', `${task.date || short(task.created)} · ${task.status}`, 'when');
    if (task.subtype && task.subtype !== 'Task') when.append(' ', make('span', task.subtype, 'chip'));
    item.append(when, make('div', task.subject, 'what'));
    if (withWho && task.who) item.append(link(task.who.id, task.who.name));
    if (!withWho && task.description) item.append(make('div', task.description, 'more'));
    list.append(item);
  }
  return list;
}

const waits = seconds => seconds === null ? '' : seconds < 90 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds / 60)} min`;

function platform(now) {
  byId('platform-section').hidden = !now;
  if (!now) return;
  const counts = `${now.events} events, ${now.taken} taken, ${now.failed} failed, ${now.given_up} given up, ${now.waiting} waiting`;
  byId('platform-url').textContent = now.url;
  byId('platform-state').textContent = `${now.state}: ${counts}`;
  byId('platform-state').className = now.state === 'healthy' ? '' : 'bad';
  const table = make('table'), head = make('tr');
  ['At', 'Event', 'Of', 'Attempt', 'Took', 'Again in', 'Answer'].forEach(title => head.append(make('th', title)));
  table.append(make('thead'), make('tbody'));
  table.tHead.append(head);
  for (const sent of now.latest) {
    const row = make('tr'), well = sent.status >= 200 && sent.status < 300;
    const answer = make('td', sent.status === null ? sent.answer : `${sent.status} ${sent.answer}`, well ? 'answer' : 'answer bad');
    answer.title = sent.answer;
    row.append(make('td', sent.at.slice(11, 19)), make('td', sent.type), make('td', sent.email), make('td', sent.attempt, 'number'),
      make('td', `${Math.round(sent.seconds * 1000)} ms`, 'number'), make('td', waits(sent.again_in_seconds), 'number'), answer);
    row.title = `${sent.event_id}, ${sent.delivery_id}, ${sent.spelling} case`;
    table.tBodies[0].append(row);
  }
  byId('platform').replaceChildren(now.latest.length ? table : make('p', 'Nothing was sent yet.', 'empty'));
}

function changes(now) {
  byId('bus-section').hidden = !now;
  if (!now) return;
  byId('bus-state').textContent = `${now.selected.join(', ') || 'no object selected'}: ${now.delivered} of ${now.limit} delivered, ${now.subscribers} subscribed`;
  const list = make('ol');
  for (const event of now.latest) {
    const item = make('li');
    item.append(make('div', `${event.at.slice(11, 19)} · ${event.ids.join(', ')}${event.origin ? ' · ' + event.origin : ''}`, 'when'),
      make('div', `${event.object} ${event.type}`, 'what'));
    list.append(item);
  }
  byId('bus').replaceChildren(now.latest.length ? list : make('p', 'Nothing was published yet.', 'empty'));
}

async function ask(path) {
  const reply = await fetch(path, { cache: 'no-store' });
  if (!reply.ok) throw new Error(reply.status);
  return reply.json();
}

async function person() {
  if (!chosen) return;
  try {
    const who = await ask('/_local/person/' + encodeURIComponent(chosen));
    const facts = make('dl');
    for (const [name, value] of Object.entries(who.fields)) facts.append(make('dt', name), make('dd', value));
    byId('person-title').textContent = `${who.name} (${who.sobject})`;
    byId('person').replaceChildren(timeline(who.tasks, false), facts);
  } catch { byId('person').replaceChildren(make('p', 'This record is not there any more.', 'empty')); }
}

async function look() {
  try {
    const now = await ask('/_local/watch');
    byId('org').textContent = now.org;
    byId('contact-count').textContent = now.counts.Contact;
    byId('lead-count').textContent = now.counts.Lead;
    byId('task-count').textContent = now.counts.Task;
    byId('api').textContent = `${now.api.used} of ${now.api.limit}`;
    const seen = [...people('contacts', now.contacts), ...people('leads', now.leads)];
    known = new Map(seen);
    byId('activity').replaceChildren(timeline(now.tasks, true));
    platform(now.platform);
    changes(now.bus);
    byId('alive').textContent = short(now.now) + ' UTC';
    byId('alive').className = '';
    await person();
  } catch {
    byId('alive').textContent = 'the org does not answer';
    byId('alive').className = 'off';
  }
  setTimeout(look, 1500);
}
look();
"""

_DOCUMENT = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Local org</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1 id="org">Local org</h1>
<span><b id="contact-count">0</b> contacts</span>
<span><b id="lead-count">0</b> leads</span>
<span><b id="task-count">0</b> tasks</span>
<span>API calls <b id="api">0</b></span>
<span id="alive" role="status">connecting</span>
</header>
<main>
<div>
<section><h2>Contacts, last changed first</h2><div class="scroll" id="contacts"></div></section>
<section><h2>Leads, last changed first</h2><div class="scroll" id="leads"></div></section>
</div>
<div>
<section><h2 id="person-title">One person</h2><div id="person"><p class="empty">Choose a name to see the timeline.</p></div></section>
<section><h2>Latest activity in the org</h2><div class="scroll" id="activity"></div></section>
</div>
<section id="bus-section" hidden>
<h2>Change events</h2>
<p id="bus-state"></p>
<div class="scroll" id="bus"></div>
</section>
<section id="platform-section" hidden>
<h2>The email platform sends to <span id="platform-url"></span></h2>
<p id="platform-state"></p>
<div class="scroll" id="platform"></div>
</section>
</main>
<script>{_SCRIPT}</script>
</body>
</html>
"""
