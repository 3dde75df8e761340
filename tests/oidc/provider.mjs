// A real OpenID provider for the tests: node-oidc-provider (certified), with its own pages for login and consent.
//   node provider.mjs MODULES CLIENT_SECRET REDIRECT_URI ACCOUNTS
// MODULES is the folder with oidc-provider; ACCOUNTS a JSON file {"login": {"name": …, "preferred_username": …, "groups": […]}}, read anew at
// each login. Prints its issuer, and ends with its standard input.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, secret, redirect, accounts] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(join(modules, 'oidc-provider/lib/index.js')));

const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const client = (id, more) => ({ client_id: id, redirect_uris: [redirect], response_types: ['code'], grant_types: ['authorization_code'], ...more });
const provider = new Provider(issuer, {
  clients: [client('chancery', { client_secret: secret }), client('public', { token_endpoint_auth_method: 'none' })],
  pkce: { required: () => true },
  claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'groups'] },
  conformIdTokenClaims: false,
  cookies: { keys: ['only for tests'] },
  async findAccount(_, sub) {
    return { accountId: sub, claims: () => ({ sub, ...JSON.parse(readFileSync(accounts, 'utf8'))[sub] }) };
  },
});
server.on('request', provider.callback());
console.log(issuer);
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
