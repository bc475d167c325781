// Signs and checks webhooks with Stripe's own library, as told on standard input.
'use strict';

const {readFileSync} = require('node:fs');
// From where it is run, not from where this file is.
const Stripe = require(require.resolve('stripe', {paths: [process.cwd()]}));

const {webhooks} = new Stripe('sk_test_unused');
const told = JSON.parse(readFileSync(0, 'utf8'));

function accepts({body, header, secret, now}) {
  try {
    return webhooks.signature.verifyHeader(body, header, secret, 300, undefined, now * 1000);
  } catch (error) {
    if (error.type === 'StripeSignatureVerificationError') return false;
    // How the library refuses a `v1` without a value.
    if (error.message === 'secureCompare must receive two arguments') return false;
    throw error;
  }
}

console.log(
  JSON.stringify({
    headers: told.sign.map(({body, secret, at}) =>
      webhooks.generateTestHeaderString({payload: body, secret, timestamp: at})
    ),
    accepted: told.check.map(accepts),
  })
);
