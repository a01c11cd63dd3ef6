import { Poll } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import { RequestError } from './request';
import type { IOmega } from './tokens';

/** Each failure doubles the interval, up to this many times its length. */
const LONGEST = 10;

/** The stored objects, polled slowly while somebody looks at them. */
export class ObjectsModel implements IOmega.IObjectsModel {
  constructor(options: ObjectsModel.IOptions) {
    this._fetch = options.fetch;
    this._poll = new Poll<void, unknown>({
      auto: false,
      factory: () => this._load(),
      frequency: Private.frequency(options.interval ?? ObjectsModel.INTERVAL),
      linger: 0,
      name: 'omega-jupyter:objects',
      standby: () => (this._active ? 'when-hidden' : true)
    });
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get objects(): IOmega.IObjects | null {
    return this._objects;
  }

  get problem(): IOmega.IProblem | null {
    return this._problem;
  }

  get busy(): boolean {
    return this._busy;
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  get active(): boolean {
    return this._active;
  }
  set active(active: boolean) {
    if (active === this._active) {
      return;
    }
    this._active = active;
    if (active) {
      void this.refresh();
    } else {
      void this._poll.stop();
    }
  }

  /** Seconds between two requests. */
  set interval(seconds: number) {
    this._poll.frequency = Private.frequency(seconds);
  }

  async refresh(): Promise<void> {
    if (this.isDisposed) {
      return;
    }
    await this._poll.refresh();
    // The tick rejects when the request fails: `problem` tells of that.
    await this._poll.tick.catch(() => undefined);
  }

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this._poll.dispose();
    Signal.clearData(this);
  }

  private async _load(): Promise<void> {
    const request = ++this._latest;
    // An answer that a later request has overtaken tells nothing any more.
    const update = (change: () => void): void => {
      if (request === this._latest && !this.isDisposed) {
        change();
        this._changed.emit();
      }
    };
    update(() => {
      this._busy = true;
    });
    try {
      const objects = await this._fetch();
      update(() => {
        this._busy = false;
        this._objects = objects;
        this._problem = null;
      });
    } catch (error) {
      update(() => {
        this._busy = false;
        // The last objects stay: old names help more than an empty panel.
        this._problem =
          error instanceof RequestError
            ? error
            : { code: 'error', message: String(error), hint: null };
      });
      throw error;
    }
  }

  private _active = false;
  private _busy = false;
  private _changed = new Signal<this, void>(this);
  private _latest = 0;
  private _fetch: () => Promise<IOmega.IObjects>;
  private _objects: IOmega.IObjects | null = null;
  private _poll: Poll<void, unknown>;
  private _problem: IOmega.IProblem | null = null;
}

export namespace ObjectsModel {
  /** Seconds between two requests, where the settings say nothing. */
  export const INTERVAL = 30;

  /** The options of an {@link ObjectsModel}. */
  export interface IOptions {
    /** Asks the server; rejects with a {@link RequestError}. */
    fetch: () => Promise<IOmega.IObjects>;
    /** Seconds between two requests. */
    interval?: number;
  }
}

namespace Private {
  export function frequency(seconds: number): Poll['frequency'] {
    const interval = seconds * 1000;
    return { interval, backoff: true, max: interval * LONGEST };
  }
}
