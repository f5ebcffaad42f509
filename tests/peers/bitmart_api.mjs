// The box against a client that somebody else wrote: the npm package bitmart-api.
//
//   node bitmart_api.mjs COMMAND DIRECTORY [OPTION...]
//
// COMMAND is the program `bitmart-book`, DIRECTORY where the package is installed, and the options
// are for `bitmart-book sim`. One client for each address logs in where it must, subscribes to
// every topic, and must be acknowledged on and hear of each; then its connection is cut, and it
// must all happen again. Exit status 1 if not.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import net from 'node:net';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const [command, directory, ...options] = process.argv.slice(2);
const require = createRequire(join(resolve(directory), 'package.json'));
const { WebsocketClient } = require('bitmart-api');
const { version } = require(resolve(directory, 'node_modules/bitmart-api/package.json'));

const SECONDS = 60;
const depths = (kind, speed) => [5, 20, 50].map((n) => `futures/${kind}${n}:BTCUSDT${speed}`);
const steps = ['1m', '5m', '15m', '30m', '1H', '2H', '4H', '1D', '1W'];
const futuresPublic = [
  'futures/ticker', 'futures/ticker:BTCUSDT', 'futures/trade:BTCUSDT',
  'futures/fundingRate:BTCUSDT', 'futures/bookticker:BTCUSDT', 'futures/bookticker:ETHUSDT@100ms',
  ...depths('depth', ''), ...depths('depthAll', '@200ms'), ...depths('depthIncrease', '@100ms'),
  ...steps.map((step) => `futures/klineBin${step}:BTCUSDT`),
  ...steps.map((step) => `futures/markPriceKlineBin${step}:BTCUSDT`),
];
const futuresPrivate = [
  'futures/order', 'futures/position', 'futures/asset:USDT', 'futures/asset:BTC',
  'futures/asset:ETH',
];
const TOPICS = {
  spot_public: [
    'spot/ticker:BTC_USDT', 'spot/bookTicker:BTC_USDT', 'spot/trade:BTC_USDT',
    'spot/depth5:BTC_USDT', 'spot/depth20:BTC_USDT', 'spot/depth50:BTC_USDT',
    'spot/depth/increase100:BTC_USDT',
    ...[...steps, '1M'].map((step) => `spot/kline${step}:BTC_USDT`),
  ],
  spot_private: [
    'spot/user/order:BTC_USDT', 'spot/user/orders:ALL_SYMBOLS',
    'spot/user/balance:BALANCE_UPDATE',
  ],
  futures_public: futuresPublic,
  futures_private: futuresPrivate,
  demo_futures_public: futuresPublic,
  demo_futures_private: futuresPrivate,
};
const silent = { trace() {}, info() {}, error() {} };

// A wire that can be cut.
class Proxy {
  constructor(port) {
    this.sockets = new Set();
    this.server = net.createServer((near) => {
      const far = net.connect(port, '127.0.0.1');
      for (const socket of [near, far]) {
        this.sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => { near.destroy(); far.destroy(); this.sockets.delete(socket); });
      }
      near.pipe(far);
      far.pipe(near);
    });
  }
  async open() {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this.server.address().port;
  }
  cut() { for (const socket of this.sockets) socket.resetAndDestroy?.(); }
  close() { this.cut(); this.server.close(); }
}

// The topic that a push came by.
function topicOf(push, topics) {
  if (push.group) return push.group;
  const fixed = topics.find((topic) =>
    topic.startsWith(`${push.table}:`) && /:(ALL_SYMBOLS|BALANCE_UPDATE)$/.test(topic));
  return fixed ?? `${push.table}:${push.data[0].symbol}`;
}

class Peer {
  constructor(endpoint, url, credentials, port) {
    const market = endpoint.includes('futures') ? 'futures' : 'spot';
    this.endpoint = endpoint;
    this.topics = TOPICS[endpoint];
    this.logins = this.opens = 0;
    this.problems = [];
    this.begin();
    const { key, secret, memo } = credentials;
    const wsUrl = url.replace(/:\d+\//, `:${port}/`);
    this.client = new WebsocketClient(
      { apiKey: key, apiSecret: secret, apiMemo: memo, wsUrl }, silent);
    for (const name of ['open', 'reconnected']) {
      this.client.on(name, () => { this.opens += 1; });
    }
    this.client.on('authenticated', (event) => {
      this.logins += 1;
      if (event.errorCode) this.problems.push(event);
    });
    this.client.on('response', (event) => {
      if (event.errorCode) this.problems.push(event);
      else this.acked.add(event.topic ?? event.group);
    });
    this.client.on('exception', (event) => {
      if ('success' in event) this.problems.push(event);
    });
    this.client.on('update', (push) => {
      if (push.group !== 'System') this.told.add(topicOf(push, this.topics));
    });
    this.client.subscribe(this.topics, market);
  }
  begin() { this.acked = new Set(); this.told = new Set(); }
  missing(set) { return this.topics.filter((topic) => !set.has(topic)); }
  get done() { return !this.missing(this.acked).length && !this.missing(this.told).length; }
  get isPrivate() { return this.endpoint.endsWith('private'); }
  report(round) {
    const missing = [...new Set([...this.missing(this.acked), ...this.missing(this.told)])];
    const logins = this.isPrivate ? `${this.logins} login${this.logins === 1 ? '' : 's'}` : 'no login';
    const wanted = this.isPrivate ? this.opens : 0;
    const good = !missing.length && !this.problems.length && this.logins === wanted
      && this.opens === round;
    console.log(
      `${good ? 'ok  ' : 'FAIL'} ${this.endpoint.padEnd(21)} ${this.opens} open, ${logins}, `
      + `${this.acked.size} acknowledged, ${this.told.size} told, of ${this.topics.length}`
      + (missing.length ? `; missing ${missing.join(' ')}` : '')
      + (this.problems.length ? `; ${JSON.stringify(this.problems[0])}` : ''));
    return good;
  }
}

async function ask(control, path, body) {
  const response = await fetch(control + path, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

// What makes the private topics speak: an order on each market, and money in each currency.
async function trade(control) {
  await ask(control, '/orders', { symbol: 'BTC_USDT', side: 'buy', size: '0.01' });
  for (const market of ['futures', 'demo']) {
    await ask(control, '/orders', { market, symbol: 'BTCUSDT', side: 'buy', size: 2 });
    for (const currency of ['BTC', 'ETH']) {
      await ask(control, '/deposits', { market, currency, amount: '0.25' });
    }
  }
}

async function until(condition, control) {
  const end = Date.now() + SECONDS * 1000;
  while (!condition() && Date.now() < end) {
    await trade(control);
    await new Promise((wake) => { setTimeout(wake, 500); });
  }
}

const sim = spawn(command, ['sim', '--speed', '3', ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
process.on('exit', () => sim.kill());
const [line] = await once(createInterface({ input: sim.stdout }), 'line');
const { control, credentials, ...urls } = JSON.parse(line);
const proxy = new Proxy(Number(new URL(control).port));
const port = await proxy.open();
console.log(`bitmart-api ${version}, node ${process.version}`, ...options);
const peers = Object.keys(TOPICS).map((name) => new Peer(name, urls[name], credentials, port));
let good = true;
for (const round of [1, 2]) {
  await until(() => peers.every((peer) => peer.opens === round && peer.done), control);
  console.log(round === 1 ? 'at first' : 'after every connection was cut');
  good = peers.map((peer) => peer.report(round)).every(Boolean) && good;
  for (const peer of peers) peer.begin();
  if (round === 1) proxy.cut();
}
for (const peer of peers) peer.client.closeAll(true);
proxy.close();
sim.kill();
process.exitCode = good ? 0 : 1;
