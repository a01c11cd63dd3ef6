import { type ITranslator, nullTranslator } from '@jupyterlab/translation';
import {
  refreshIcon,
  SidePanel,
  Toolbar,
  ToolbarButton
} from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import { Panel, Widget } from '@lumino/widgets';

import { ObjectsBody } from './body';
import { omegaIcon } from './icons';
import type { IOmega } from './tokens';

/** The side bar's panel: it composes, and tells its model when it is looked at. */
export class OmegaPanel extends SidePanel {
  constructor(options: OmegaPanel.IOptions) {
    const translator = options.translator ?? nullTranslator;
    const trans = translator.load('omega_jupyter');
    super({ content: new Panel(), translator });
    this._model = options.model;
    this.id = OmegaPanel.ID;
    this.addClass('jp-OmegaPanel');
    this.title.icon = omegaIcon;
    this.title.caption = trans.__('Omega');
    this.node.tabIndex = -1;
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Omega'));

    this.toolbar.node.setAttribute('aria-label', trans.__('Omega panel'));
    this.toolbar.addItem('title', Private.title(trans.__('Omega')));
    this.toolbar.addItem('spacer', Toolbar.createSpacerItem());
    this.toolbar.addItem(
      'refresh',
      new ToolbarButton({
        icon: refreshIcon,
        onClick: () => void this._model.refresh(),
        tooltip: trans.__('Refresh')
      })
    );
    this.addWidget(new ObjectsBody(this._model, trans));
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._model.active = true;
  }

  protected override onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this._model.active = false;
  }

  /** Whoever opens the panel by a command goes on with the keyboard inside it. */
  protected override onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    this.node.focus();
  }

  /** The panel is attached while it is visible when the layout is restored. */
  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this._model.active = this.isVisible;
  }

  protected override onBeforeDetach(message: Message): void {
    this._model.active = false;
    super.onBeforeDetach(message);
  }

  private _model: IOmega.IObjectsModel;
}

export namespace OmegaPanel {
  /** The panel's id in the shell and in the restored layout. */
  export const ID = 'omega-jupyter-panel';

  /** The options of an {@link OmegaPanel}. */
  export interface IOptions {
    model: IOmega.IObjectsModel;
    translator?: ITranslator;
  }
}

namespace Private {
  export function title(text: string): Widget {
    const node = document.createElement('h2');
    node.textContent = text;
    const widget = new Widget({ node });
    widget.addClass('jp-OmegaPanel-title');
    return widget;
  }
}
