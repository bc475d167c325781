// A client as the platform's older services have it: an Express-style middleware that reads the billing
// service's JSON through an HTTP client which, like axios, puts the parsed body under `response.data` and
// throws for what is not 2xx. It uses no package.
//
// Arguments: base address, token, user id, the keys of features. It starts a service whose routes are
// guarded by one feature each, asks it, and prints what came of it as JSON.
'use strict';

const http = require('node:http');

// Like axios.get: resolves to { status, data }, rejects with { response } for an error.
function get(url, headers) {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { headers, agent: false, timeout: 10_000 }, (message) => {
      const chunks = [];
      message.on('data', (chunk) => chunks.push(chunk));
      message.on('error', reject);
      message.on('end', () => {
        const response = { status: message.statusCode };
        try {
          response.data = JSON.parse(Buffer.concat(chunks).toString('utf8'));
        } catch (error) {
          reject(error);
          return;
        }
        if (response.status >= 200 && response.status < 300) {
          resolve(response);
        } else {
          reject(Object.assign(new Error(`status ${response.status}`), { response }));
        }
      });
    });
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', reject);
  });
}

class BillingClient {
  constructor(base, token) {
    this.base = base;
    this.headers = { authorization: `Bearer ${token}` };
  }

  async subscription(userId) {
    const url = `${this.base}/api/subscriptions/user/${encodeURIComponent(userId)}`;
    const response = await get(url, this.headers);
    return { tier: response.data.data.tier, status: response.data.data.status };
  }

  // Needs no token.
  async features() {
    const response = await get(`${this.base}/api/features`, {});
    return response.data.data;
  }
}

// What older services make of the value that a tier has: on or off, a number where -1 is without limit,
// or a word that is always there.
function judge(value) {
  if (typeof value === 'boolean') {
    return { allowed: value };
  }
  if (typeof value === 'number') {
    return { allowed: value === -1 || value > 0, limit: value === -1 ? 'unlimited' : value };
  }
  return { allowed: true, level: value };
}

// The middleware, for any framework with (request, response, next).
function requireFeature(billing, featureKey) {
  return async (request, response, next) => {
    try {
      const { tier, status } = await billing.subscription(request.userId);
      const feature = (await billing.features()).find((one) => one.featureKey === featureKey);
      if (!feature) {
        send(response, 500, { error: 'UNKNOWN_FEATURE' });
        return;
      }
      const judged = judge(feature.tiers[tier]);
      const live = status === 'active' || status === 'trialing';
      if (!live || !judged.allowed) {
        send(response, 403, { error: 'FEATURE_NOT_AVAILABLE', tier, status });
        return;
      }
      request.access = { tier, status, ...judged };
      next();
    } catch (error) {
      const told = error.response ? error.response.data : {};
      send(response, 502, { error: told.error || 'UNREACHABLE', message: told.message || String(error) });
    }
  };
}

function send(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function main() {
  const [base, token, user, ...features] = process.argv.slice(1).filter((one) => one !== '--');
  const billing = new BillingClient(base, token);
  const service = http.createServer((request, response) => {
    const featureKey = decodeURIComponent(request.url.slice(1));
    request.userId = user;
    const guard = requireFeature(billing, featureKey);
    guard(request, response, () => send(response, 200, request.access));
  });
  await new Promise((resolve) => service.listen(0, '127.0.0.1', resolve));
  const own = `http://127.0.0.1:${service.address().port}`;
  const came = {};
  for (const feature of features) {
    try {
      const response = await get(`${own}/${encodeURIComponent(feature)}`, {});
      came[feature] = { status: response.status, ...response.data };
    } catch (error) {
      came[feature] = { status: error.response.status, ...error.response.data };
    }
  }
  service.close();
  console.log(JSON.stringify(came));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
