import { ServerConnection } from '@jupyterlab/services';

import { requestAPI, RequestError } from '../request';

/** Settings of a server that gives this one answer. */
function answering(
  answer: () => Promise<Response>,
  seen: Request[] = []
): ServerConnection.ISettings {
  return ServerConnection.makeSettings({
    baseUrl: 'http://jupyter.example/user/alice/',
    fetch: request => {
      seen.push(request as Request);
      return answer();
    }
  });
}

function reply(body: string, status: number): () => Promise<Response> {
  return () => Promise.resolve(new Response(body, { status }));
}

async function failure(
  answer: () => Promise<Response>
): Promise<Pick<RequestError, 'code' | 'message' | 'hint'>> {
  const error: unknown = await requestAPI('objects', answering(answer)).catch(
    (error: unknown) => error
  );
  expect(error).toBeInstanceOf(RequestError);
  const { code, message, hint } = error as RequestError;
  return { code, message, hint };
}

describe('requestAPI', () => {
  it('asks below the base address of the server', async () => {
    const seen: Request[] = [];

    const body = await requestAPI(
      'objects',
      answering(reply('{"models": []}', 200), seen)
    );

    expect(body).toEqual({ models: [] });
    expect(seen[0].url).toMatch(
      /^http:\/\/jupyter\.example\/user\/alice\/omega\/objects\?\d+$/
    );
  });

  it('carries message and hint of the server', async () => {
    const sent = { code: 'unavailable', message: 'gone', hint: 'start it' };

    expect(await failure(reply(JSON.stringify(sent), 503))).toEqual(sent);
  });

  it('answers with the status where the server says nothing it knows', async () => {
    const error = await failure(reply('<h1>Bad gateway</h1>', 502));

    expect(error.code).toBe('http_502');
    expect(error.message).toContain('502');
  });

  it('does not take a page for an answer', async () => {
    expect((await failure(reply('<h1>Log in</h1>', 200))).code).toBe('no_json');
  });

  it('tells when nobody answers', async () => {
    const error = await failure(() =>
      Promise.reject(new TypeError('Failed to fetch'))
    );

    expect(error.code).toBe('network');
  });
});
