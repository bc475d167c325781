'use strict';

// The guard of the benchmark `server`, as it is written by hand on Express: subscriptions in a map with
// a time to live, and a table of what tiers have. `node server.js bare` serves without it.

const express = require('express');

const USERS = 10_000;
const TTL_MS = 300_000;

const features = {
  free: new Set(['messaging_enabled']),
  enterprise: new Set(['messaging_enabled', 'crm_enabled']),
};

// Where subscriptions come from. Nothing is asked over a network, so that the guard alone is measured.
const subscriptions = new Map([['free', 'free']]);
for (let number = 0; number < USERS; number += 1) {
  const hex = number.toString(16);
  subscriptions.set(`${hex.padStart(8, '0')}-0000-4000-8000-${hex.padStart(12, '0')}`, 'enterprise');
}

async function lookUp(id) {
  return { tier: subscriptions.get(id) ?? 'free' };
}

const cache = new Map();

async function subscriptionOf(id) {
  const cached = cache.get(id);
  if (cached !== undefined && cached.expires > Date.now()) {
    return cached.subscription;
  }
  const subscription = await lookUp(id);
  cache.set(id, { subscription, expires: Date.now() + TTL_MS });
  return subscription;
}

function requireFeature(feature) {
  return async (request, response, next) => {
    try {
      const id = request.get('x-user-id');
      if (!id) {
        response.status(401).json({ code: 'UNAUTHORIZED' });
        return;
      }
      const subscription = await subscriptionOf(id);
      if (!features[subscription.tier]?.has(feature)) {
        response.status(403).json({ code: 'FEATURE_NOT_AVAILABLE', feature });
        return;
      }
      request.subscription = subscription;
      next();
    } catch (error) {
      next(error);
    }
  };
}

const app = express();
app.disable('x-powered-by');
app.disable('etag');
const guards = process.argv[2] === 'guarded' ? [requireFeature('crm_enabled')] : [];
app.get('/', ...guards, (request, response) => {
  response.type('text/plain').send('ok');
});

const server = app.listen(0, '127.0.0.1', () => {
  console.log(server.address().port);
});

// Whoever started this is gone when the pipe is closed.
process.stdin.on('end', () => process.exit(0)).resume();
