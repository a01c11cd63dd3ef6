import React, {
  useEffect,
  useId,
  useLayoutEffect,
  useRef,
  useState
} from 'react';

/** Lines beyond both edges, so that scrolling shows no gap. */
const OVERSCAN = 8;

/** Until the first line has been measured, in CSS pixels. */
const ROW_HEIGHT = 24;

/**
 * A tree of any length, of which only the visible lines are in the page.
 *
 * The focus stays on the tree; the arrow keys, Home, End and the page keys move
 * the active line, Left and Right close and open it, Enter and Space toggle it.
 */
export function VirtualTree<R extends VirtualTree.IRow>(
  props: VirtualTree.IProps<R>
): React.JSX.Element {
  const { rows, label, busy, render, onToggle } = props;
  const id = useId();
  const tree = useRef<HTMLDivElement>(null);
  const [activeKey, setActiveKey] = useState<string | null>(null);
  const [view, setView] = useState({ top: 0, height: 0, row: ROW_HEIGHT });

  useLayoutEffect(() => Private.watch(tree.current!, setView), []);

  const active = rows.findIndex(row => row.key === activeKey);
  const first = Math.max(0, Math.floor(view.top / view.row) - OVERSCAN);
  const last = Math.ceil((view.top + view.height) / view.row) + OVERSCAN;
  const visible = rows.slice(first, last);

  // The line that was active is filtered away: the first one takes its place.
  useEffect(() => {
    if (active < 0 && rows.length > 0) {
      setActiveKey(rows[0].key);
    }
  }, [active, rows]);

  const activate = (index: number): void => {
    const clipped = Math.max(0, Math.min(rows.length - 1, index));
    setActiveKey(rows[clipped].key);
    Private.reveal(tree.current!, clipped, view.row);
  };

  const onKeyDown = (event: React.KeyboardEvent): void => {
    if (rows.length === 0 || event.ctrlKey || event.altKey || event.metaKey) {
      return;
    }
    const page = Math.max(1, Math.floor(view.height / view.row) - 1);
    const target = Private.move(event.key, rows, Math.max(0, active), page);
    if (target !== null) {
      activate(target);
    } else if (Private.toggles(event.key, rows[active])) {
      onToggle(rows[active]);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div
      ref={tree}
      className="jp-OmegaTree"
      role="tree"
      tabIndex={0}
      aria-label={label}
      aria-busy={busy}
      aria-activedescendant={
        active >= first && active < last ? `${id}${active}` : undefined
      }
      onKeyDown={onKeyDown}
    >
      <div
        className="jp-OmegaTree-content"
        role="presentation"
        style={{ height: rows.length * view.row }}
      >
        {visible.map((row, offset) => (
          <div
            key={row.key}
            id={`${id}${first + offset}`}
            className="jp-OmegaTree-row"
            role="treeitem"
            aria-level={row.level}
            aria-posinset={row.position}
            aria-setsize={row.size}
            aria-expanded={row.expanded}
            aria-selected={first + offset === active}
            style={{ top: (first + offset) * view.row }}
            onClick={() => {
              setActiveKey(row.key);
              if (row.expanded !== undefined) {
                onToggle(row);
              }
            }}
          >
            {render(row)}
          </div>
        ))}
      </div>
    </div>
  );
}

export namespace VirtualTree {
  /** What the tree must know of a line. */
  export interface IRow {
    /** Different for each line, and the same after a refresh. */
    readonly key: string;
    /** How deep it is; 1 is the outermost. */
    readonly level: number;
    /** Its place among the lines of its parent, from 1. */
    readonly position: number;
    /** How many lines its parent has. */
    readonly size: number;
    /** Whether the lines below it show; undefined: it can have none. */
    readonly expanded?: boolean;
  }

  /** The properties of a {@link VirtualTree}. */
  export interface IProps<R extends IRow> {
    rows: readonly R[];
    /** The name that a screen reader says. */
    label: string;
    /** Whether the lines are being asked for again. */
    busy?: boolean;
    /** Make the inside of a line. */
    render: (row: R) => React.ReactNode;
    /** A line that has `expanded` was clicked, or opened or closed by key. */
    onToggle: (row: R) => void;
  }
}

namespace Private {
  interface IView {
    top: number;
    height: number;
    row: number;
  }

  /** Tell what of the tree shows, now and whenever it is scrolled or resized. */
  export function watch(
    tree: HTMLElement,
    tell: (update: (old: IView) => IView) => void
  ): () => void {
    const measure = (): void => {
      const row =
        tree.querySelector('[role=treeitem]')?.getBoundingClientRect().height ||
        ROW_HEIGHT;
      const { scrollTop: top, clientHeight: height } = tree;
      tell(old =>
        old.top === top && old.height === height && old.row === row
          ? old
          : { top, height, row }
      );
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(tree);
    tree.addEventListener('scroll', measure, { passive: true });
    return () => {
      observer.disconnect();
      tree.removeEventListener('scroll', measure);
    };
  }

  /** Scroll as little as is needed to show the whole line. */
  export function reveal(tree: HTMLElement, index: number, row: number): void {
    const top = index * row;
    if (top < tree.scrollTop) {
      tree.scrollTop = top;
    } else if (top + row > tree.scrollTop + tree.clientHeight) {
      tree.scrollTop = top + row - tree.clientHeight;
    }
  }

  /** The index to which a key leads, null when it leads nowhere. */
  export function move(
    key: string,
    rows: readonly VirtualTree.IRow[],
    active: number,
    page: number
  ): number | null {
    const row = rows[active];
    switch (key) {
      case 'ArrowDown':
        return active + 1;
      case 'ArrowUp':
        return active - 1;
      case 'PageDown':
        return active + page;
      case 'PageUp':
        return active - page;
      case 'Home':
        return 0;
      case 'End':
        return rows.length - 1;
      case 'ArrowLeft':
        return row.expanded ? null : parent(rows, active);
      case 'ArrowRight':
        return row.expanded && rows[active + 1]?.level > row.level
          ? active + 1
          : null;
      default:
        return null;
    }
  }

  /** Whether a key opens or closes the line. */
  export function toggles(
    key: string,
    row: VirtualTree.IRow | undefined
  ): boolean {
    switch (key) {
      case 'Enter':
      case ' ':
        return row?.expanded !== undefined;
      case 'ArrowLeft':
        return row?.expanded === true;
      case 'ArrowRight':
        return row?.expanded === false;
      default:
        return false;
    }
  }

  function parent(
    rows: readonly VirtualTree.IRow[],
    index: number
  ): number | null {
    for (let above = index - 1; above >= 0; above--) {
      if (rows[above].level < rows[index].level) {
        return above;
      }
    }
    return null;
  }
}
