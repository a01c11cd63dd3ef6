import { Token } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';

/** What other extensions may use of this one. */
export interface IOmega {
  /** The stored objects, as the panel shows them. */
  readonly objects: IOmega.IObjectsModel;
}

/** The token with which other extensions ask for {@link IOmega}. */
export const IOmega = new Token<IOmega>(
  'omega-jupyter:IOmega',
  'The objects stored in Omega, as its panel shows them.'
);

export namespace IOmega {
  /** The stores that are shown, in this order. */
  export type Store = 'datasets' | 'models';

  /** The newest version of one stored object. */
  export interface IObject {
    readonly name: string;
    readonly version: number;
    /** `dataframe`, `array`, `estimator`, ... */
    readonly kind: string;
  }

  /** The server's answer to `omega/objects`. */
  export interface IObjects {
    readonly datasets: readonly IObject[];
    readonly models: readonly IObject[];
    /** Whether the local services are used and do not run. */
    readonly stopped: boolean;
  }

  /** Why something could not be had: the same fields as every error of Omega. */
  export interface IProblem {
    /** Stable and machine readable, such as `unavailable`. */
    readonly code: string;
    readonly message: string;
    /** The next step. */
    readonly hint: string | null;
  }

  /** The stored objects, asked for again and again while they are looked at. */
  export interface IObjectsModel extends IDisposable {
    /** Emitted when one of the other members has a new value. */
    readonly changed: ISignal<IObjectsModel, void>;
    /** The last objects that arrived; null: none yet. */
    readonly objects: IObjects | null;
    /** Why the last request failed; null: it did not. */
    readonly problem: IProblem | null;
    /** Whether a request is under way. */
    readonly busy: boolean;
    /** Whether somebody looks: nothing is asked for while nobody does. */
    active: boolean;
    /** Ask now. Resolves when the answer, or the failure, has arrived. */
    refresh(): Promise<void>;
  }
}
