import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { IOmega } from './tokens';

/** The server's folder of every address of this extension. */
const NAMESPACE = 'omega';

/** A request that failed, with what the user is told. */
export class RequestError extends Error implements IOmega.IProblem {
  constructor(problem: IOmega.IProblem) {
    super(problem.message);
    this.name = 'RequestError';
    this.code = problem.code;
    this.hint = problem.hint;
  }

  readonly code: string;
  readonly hint: string | null;
}

/**
 * Ask the server extension.
 *
 * @param path - The address below `omega/`.
 * @param settings - The connection to the server.
 * @param init - Options of the request.
 * @returns The decoded answer.
 * @throws RequestError - Whatever went wrong.
 */
export async function requestAPI<T>(
  path: string,
  settings: ServerConnection.ISettings,
  init: RequestInit = {}
): Promise<T> {
  const url = URLExt.join(settings.baseUrl, NAMESPACE, path);
  let response: Response;
  let text: string;
  try {
    response = await ServerConnection.makeRequest(url, init, settings);
    text = await response.text();
  } catch (error) {
    throw new RequestError({
      code: 'network',
      message: String(error),
      hint: null
    });
  }
  const body = Private.parse(text);
  if (!response.ok) {
    throw new RequestError(Private.problem(response, body));
  }
  if (body === undefined) {
    throw new RequestError({ code: 'no_json', message: url, hint: null });
  }
  return body as T;
}

namespace Private {
  /** Decode JSON; undefined when it is none (a proxy's HTML page). */
  export function parse(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  }

  /** Read a failure, of which a proxy or an older server may have written the text. */
  export function problem(response: Response, body: unknown): IOmega.IProblem {
    const sent = (body ?? {}) as Partial<
      Record<keyof IOmega.IProblem, unknown>
    >;
    const { code, message, hint } = sent;
    return {
      code: typeof code === 'string' ? code : `http_${response.status}`,
      message:
        typeof message === 'string' && message
          ? message
          : `${response.status} ${response.statusText}`,
      hint: typeof hint === 'string' ? hint : null
    };
  }
}
