import type { TranslationBundle } from '@jupyterlab/translation';
import { Button } from '@jupyterlab/ui-components';
import React from 'react';

import type { IOmega } from './tokens';

/** What to type for the panel to have something to show. */
const FIRST_STEP = '%load_ext omega_jupyter\n%omega put X';

/** Nothing is stored yet: the first step. */
export function Empty(props: {
  /** Whether the local services are used and do not run. */
  stopped: boolean;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { stopped, trans } = props;
  return (
    <div className="jp-OmegaPanel-message" role="status">
      <p>
        {stopped
          ? trans.__(
              'The local services are not running. They start with the first %omega command.'
            )
          : trans.__('Nothing is stored yet.')}
      </p>
      <p>{trans.__('In a notebook, with your data in X:')}</p>
      <pre>{FIRST_STEP}</pre>
    </div>
  );
}

/** Something went wrong: what, and the next step. */
export function Problem(props: {
  problem: IOmega.IProblem;
  retry: () => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { message, hint } = Private.explain(props.problem, props.trans);
  return (
    <div className="jp-OmegaPanel-message jp-mod-problem" role="alert">
      <p>{message}</p>
      {hint && <p className="jp-OmegaPanel-hint">{Private.withCode(hint)}</p>}
      <Button className="jp-mod-styled jp-mod-reject" onClick={props.retry}>
        {props.trans.__('Try again')}
      </Button>
    </div>
  );
}

namespace Private {
  /** Say what the server extension could not say itself. */
  export function explain(
    problem: IOmega.IProblem,
    trans: TranslationBundle
  ): Pick<IOmega.IProblem, 'message' | 'hint'> {
    switch (problem.code) {
      case 'network':
        return {
          message: trans.__('The Jupyter server does not answer.'),
          hint: trans.__('Check that it still runs, and your connection to it.')
        };
      case 'http_401':
      case 'http_403':
        return {
          message: trans.__('The Jupyter server refused the request.'),
          hint: trans.__(
            'Reload the page, and log in again where it asks for it.'
          )
        };
      case 'http_404':
      case 'no_json':
        return {
          message: trans.__('The server extension of Omega is not running.'),
          hint: trans.__(
            '`jupyter server extension enable omega_jupyter`, then start Jupyter again'
          )
        };
      default:
        return problem;
    }
  }

  /** Show what stands between backticks as code. */
  export function withCode(text: string): React.ReactNode[] {
    return text
      .split('`')
      .map((part, index) =>
        index % 2 ? <code key={index}>{part}</code> : part
      );
  }
}
