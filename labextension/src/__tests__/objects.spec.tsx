import { nullTranslator } from '@jupyterlab/translation';
import React, { act } from 'react';
import { createRoot, type Root } from 'react-dom/client';

import { type IObjectsProps, Objects } from '../body';
import { stored } from './examples';

const PROBLEM = {
  code: 'unavailable',
  message: 'MongoDB does not answer',
  hint: '`omega doctor` checks every hop'
};

describe('Objects', () => {
  let host: HTMLElement;
  let root: Root;
  const refresh = jest.fn();

  beforeEach(() => {
    // jsdom lays nothing out: a tree that is ten lines high.
    jest
      .spyOn(HTMLElement.prototype, 'clientHeight', 'get')
      .mockReturnValue(240);
    host = document.body.appendChild(document.createElement('div'));
    root = createRoot(host);
  });

  afterEach(() => {
    act(() => root.unmount());
    host.remove();
    jest.restoreAllMocks();
  });

  const show = (props: Partial<IObjectsProps>): void =>
    act(() =>
      root.render(
        <Objects
          objects={null}
          problem={null}
          busy={false}
          refresh={refresh}
          trans={nullTranslator.load('omega_jupyter')}
          {...props}
        />
      )
    );
  const tree = (): HTMLElement => host.querySelector('[role=tree]')!;
  const lines = (): string[] =>
    [...host.querySelectorAll('[role=treeitem]')].map(row => row.textContent);
  const press = (key: string): void =>
    act(() => {
      tree().dispatchEvent(
        new KeyboardEvent('keydown', { key, bubbles: true })
      );
      // jsdom does not tell of a scroll that a script makes.
      tree().dispatchEvent(new Event('scroll'));
    });
  const active = (): string | null =>
    document.getElementById(tree().getAttribute('aria-activedescendant')!)!
      .textContent;

  it('says that it is loading', () => {
    show({});

    expect(host.querySelector('[role=status]')!.textContent).toBe('Loading…');
  });

  it('says the first step where nothing is stored', () => {
    show({ objects: stored() });

    expect(host.querySelector('pre')!.textContent).toBe(
      '%load_ext omega_jupyter\n%omega put X'
    );
    expect(tree()).toBeNull();
  });

  it('says so where the local services do not run', () => {
    show({ objects: stored([], [], true) });

    expect(host.textContent).toContain('local services are not running');
  });

  it('lists the names below their sections', () => {
    show({ objects: stored(['X', 'y'], ['forest']) });

    expect(lines()).toEqual([
      'Data sets2',
      'Xdataframe',
      'ydataframe',
      'Models1',
      'forestestimator'
    ]);
  });

  it('filters by name', () => {
    show({ objects: stored(['X', 'y'], ['forest']) });

    act(() => {
      const input = host.querySelector('input')!;
      Object.getOwnPropertyDescriptor(
        HTMLInputElement.prototype,
        'value'
      )!.set!.call(input, 'FOR');
      input.dispatchEvent(new Event('input', { bubbles: true }));
    });

    expect(lines()).toEqual(['Data sets0', 'Models1', 'forestestimator']);
    expect(host.querySelector('[role=status]')!.textContent).toBe(
      '1 object found'
    );
  });

  it('shows message and hint, and asks again on request', () => {
    show({ problem: PROBLEM });
    const alert = host.querySelector('[role=alert]')!;

    expect(alert.textContent).toContain('MongoDB does not answer');
    expect(alert.querySelector('code')!.textContent).toBe('omega doctor');

    act(() => alert.querySelector('button')!.click());
    expect(refresh).toHaveBeenCalledTimes(1);
  });

  it('keeps the old names greyed below a problem', () => {
    show({ objects: stored(['X']), problem: PROBLEM });

    expect(host.querySelector('[role=alert]')).not.toBeNull();
    expect(tree().closest('.jp-mod-old')).not.toBeNull();
    expect(lines()).toContain('Xdataframe');
  });

  it('explains a missing server extension itself', () => {
    show({ problem: { code: 'http_404', message: 'Not Found', hint: null } });

    expect(host.textContent).toContain(
      'jupyter server extension enable omega_jupyter'
    );
  });

  it('is walked with the keyboard', () => {
    show({ objects: stored(['X', 'y'], ['forest']) });
    expect(active()).toBe('Data sets2');

    press('ArrowDown');
    expect(active()).toBe('Xdataframe');
    press('End');
    expect(active()).toBe('forestestimator');
    press('ArrowLeft');
    expect(active()).toBe('Models1');
    press('ArrowLeft');
    expect(lines()).not.toContain('forestestimator');
    press('Enter');
    expect(lines()).toContain('forestestimator');
    press('Home');
    press('ArrowRight');
    expect(active()).toBe('Xdataframe');
    press('ArrowUp');
    press('ArrowUp');
    expect(active()).toBe('Data sets2');
  });

  it('puts few of many lines in the page', () => {
    const names = Array.from({ length: 100_000 }, (_, i) => `set/${i}`);

    show({ objects: stored(names) });
    expect(lines().length).toBeLessThan(40);

    press('End');
    press('ArrowUp');
    expect(active()).toBe('set/99999dataframe');
    expect(lines().length).toBeLessThan(40);
  });
});
