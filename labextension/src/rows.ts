import type { IOmega } from './tokens';
import type { VirtualTree } from './virtualtree';

/** The stores in the order of their sections. */
export const STORES: readonly IOmega.Store[] = ['datasets', 'models'];

/** The heading of a section. */
export interface ISectionRow extends VirtualTree.IRow {
  readonly type: 'section';
  readonly store: IOmega.Store;
  /** How many objects pass the filter. */
  readonly count: number;
}

/** One stored object. */
export interface IObjectRow extends VirtualTree.IRow {
  readonly type: 'object';
  readonly store: IOmega.Store;
  readonly object: IOmega.IObject;
}

/** One line of the panel. */
export type Row = ISectionRow | IObjectRow;

/**
 * Lay the objects out as the lines of a tree.
 *
 * @param objects - What is stored.
 * @param filter - Words that must all be in a name; upper and lower case are the same.
 * @param closed - The sections of which only the heading shows.
 * @returns The lines from top to bottom.
 */
export function rows(
  objects: IOmega.IObjects,
  filter: string,
  closed: ReadonlySet<IOmega.Store>
): Row[] {
  const lines: Row[] = [];
  STORES.forEach((store, index) => {
    const matching = Private.matching(objects[store], filter);
    const expanded = !closed.has(store);
    lines.push({
      type: 'section',
      store,
      count: matching.length,
      key: store,
      level: 1,
      expanded,
      position: index + 1,
      size: STORES.length
    });
    if (expanded) {
      matching.forEach((object, index) =>
        lines.push({
          type: 'object',
          store,
          object,
          key: `${store}/${object.name}`,
          level: 2,
          position: index + 1,
          size: matching.length
        })
      );
    }
  });
  return lines;
}

namespace Private {
  export function matching(
    objects: readonly IOmega.IObject[],
    filter: string
  ): readonly IOmega.IObject[] {
    const words = filter.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    if (words.length === 0) {
      return objects;
    }
    return objects.filter(object => {
      const name = object.name.toLocaleLowerCase();
      return words.every(word => name.includes(word));
    });
  }
}
