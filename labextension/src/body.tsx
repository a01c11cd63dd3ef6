import type { TranslationBundle } from '@jupyterlab/translation';
import {
  caretDownIcon,
  caretRightIcon,
  InputGroup,
  ReactWidget,
  searchIcon,
  UseSignal
} from '@jupyterlab/ui-components';
import React, { useMemo, useState } from 'react';

import { Empty, Problem } from './messages';
import { type Row, rows } from './rows';
import type { IOmega } from './tokens';
import { VirtualTree } from './virtualtree';

/** What is below the panel's toolbar: the filter and the stored objects. */
export class ObjectsBody extends ReactWidget {
  constructor(model: IOmega.IObjectsModel, trans: TranslationBundle) {
    super();
    this.addClass('jp-OmegaPanel-body');
    this._model = model;
    this._trans = trans;
  }

  protected override render(): React.JSX.Element {
    return (
      <UseSignal signal={this._model.changed}>
        {() => (
          <Objects
            objects={this._model.objects}
            problem={this._model.problem}
            busy={this._model.busy}
            refresh={() => void this._model.refresh()}
            trans={this._trans}
          />
        )}
      </UseSignal>
    );
  }

  private _model: IOmega.IObjectsModel;
  private _trans: TranslationBundle;
}

/** The properties of {@link Objects}. */
export interface IObjectsProps extends Pick<
  IOmega.IObjectsModel,
  'objects' | 'problem' | 'busy'
> {
  refresh: () => void;
  trans: TranslationBundle;
}

/** The stored objects, or why there are none to show. */
export function Objects(props: IObjectsProps): React.JSX.Element {
  const { objects, problem, busy, refresh, trans } = props;
  const none =
    objects !== null &&
    objects.datasets.length === 0 &&
    objects.models.length === 0;
  return (
    <>
      {problem && <Problem problem={problem} retry={refresh} trans={trans} />}
      {!problem && objects === null && (
        <p className="jp-OmegaPanel-message" role="status">
          {trans.__('Loading…')}
        </p>
      )}
      {!problem && none && <Empty stopped={objects.stopped} trans={trans} />}
      {objects !== null && !none && (
        <Filtered
          objects={objects}
          old={problem !== null}
          busy={busy}
          trans={trans}
        />
      )}
    </>
  );
}

function Filtered(props: {
  objects: IOmega.IObjects;
  /** Whether the objects are from before a failure. */
  old: boolean;
  busy: boolean;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { objects, old, busy, trans } = props;
  const [filter, setFilter] = useState('');
  const [closed, setClosed] = useState<ReadonlySet<IOmega.Store>>(new Set());
  const lines = useMemo(
    () => rows(objects, filter, closed),
    [objects, filter, closed]
  );
  const found = lines.reduce(
    (sum, row) => sum + (row.type === 'section' ? row.count : 0),
    0
  );

  const toggle = (row: Row): void => {
    const next = new Set(closed);
    if (!next.delete(row.store)) {
      next.add(row.store);
    }
    setClosed(next);
  };

  return (
    <>
      <InputGroup
        className="jp-OmegaPanel-filter"
        type="search"
        aria-label={trans.__('Filter by name')}
        placeholder={trans.__('Filter by name')}
        rightIcon={searchIcon}
        value={filter}
        onChange={event => setFilter(event.target.value)}
      />
      <span className="jp-OmegaPanel-count" role="status">
        {filter && trans._n('%1 object found', '%1 objects found', found)}
      </span>
      <div
        className={old ? 'jp-OmegaPanel-tree jp-mod-old' : 'jp-OmegaPanel-tree'}
      >
        <VirtualTree
          rows={lines}
          label={trans.__('Stored objects')}
          busy={busy}
          render={row => <Line row={row} trans={trans} />}
          onToggle={toggle}
        />
      </div>
    </>
  );
}

function Line(props: {
  row: Row;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { row, trans } = props;
  if (row.type === 'section') {
    const caret = row.expanded ? caretDownIcon : caretRightIcon;
    return (
      <>
        <caret.react className="jp-OmegaPanel-caret" tag="span" />
        <span className="jp-OmegaPanel-section">
          {row.store === 'datasets'
            ? trans.__('Data sets')
            : trans.__('Models')}
        </span>
        <span className="jp-OmegaPanel-detail">{row.count}</span>
      </>
    );
  }
  const { name, version, kind } = row.object;
  return (
    <>
      <span
        className="jp-OmegaPanel-name"
        title={trans.__('%1, version %2, %3', name, version, kind)}
      >
        {name}
      </span>
      <span className="jp-OmegaPanel-detail">{kind}</span>
    </>
  );
}
