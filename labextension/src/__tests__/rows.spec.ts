import { type Row, rows } from '../rows';
import { stored } from './examples';

const NONE = new Set<never>();

function text(lines: readonly Row[]): string[] {
  return lines.map(row =>
    row.type === 'section' ? `${row.store} ${row.count}` : row.object.name
  );
}

describe('rows', () => {
  const objects = stored(['sales/2025', 'sales/2026', 'X'], ['forest']);

  it('puts the data sets before the models', () => {
    expect(text(rows(objects, '', NONE))).toEqual([
      'datasets 3',
      'sales/2025',
      'sales/2026',
      'X',
      'models 1',
      'forest'
    ]);
  });

  it('keeps the names that hold every word of the filter, in any case', () => {
    expect(text(rows(objects, ' 26 SALES ', NONE))).toEqual([
      'datasets 1',
      'sales/2026',
      'models 0'
    ]);
  });

  it('shows the heading alone of a closed section', () => {
    const lines = rows(objects, '', new Set(['datasets'] as const));

    expect(text(lines)).toEqual(['datasets 3', 'models 1', 'forest']);
    expect(lines[0].expanded).toBe(false);
  });

  it('tells the place of every line among those of its parent', () => {
    const places = rows(objects, '', NONE).map(row => [
      row.level,
      row.position,
      row.size
    ]);

    expect(places).toEqual([
      [1, 1, 2],
      [2, 1, 3],
      [2, 2, 3],
      [2, 3, 3],
      [1, 2, 2],
      [2, 1, 1]
    ]);
  });

  it('gives each line a key of its own', () => {
    const lines = rows(stored(['m', 'models'], ['m']), '', NONE);

    expect(new Set(lines.map(row => row.key)).size).toBe(lines.length);
  });
});
