import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { omegaIcon } from './icons';
import { ObjectsModel } from './model';
// The side bar shows the panel's icon from the start.
// eslint-disable-next-line jupyter/prefer-lazy-imports
import { OmegaPanel } from './panel';
import { requestAPI } from './request';
import { IOmega } from './tokens';

export { IOmega } from './tokens';

/** The commands, which palette, menus and shortcuts all use. */
namespace CommandIDs {
  export const openPanel = 'omega:open-panel';
  export const refresh = 'omega:refresh';
}

const PLUGIN_ID = 'omega-jupyter:plugin';

/** The panel with the stored data sets and models. */
const plugin: JupyterFrontEndPlugin<IOmega> = {
  id: PLUGIN_ID,
  description: 'A panel with the data sets and models stored in Omega.',
  autoStart: true,
  provides: IOmega,
  optional: [ICommandPalette, ILayoutRestorer, ISettingRegistry, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    settingRegistry: ISettingRegistry | null,
    translator: ITranslator | null
  ): IOmega => {
    const { serverSettings } = app.serviceManager;
    const objects = new ObjectsModel({
      fetch: () => requestAPI<IOmega.IObjects>('objects', serverSettings)
    });
    const panel = new OmegaPanel({
      model: objects,
      translator: translator ?? undefined
    });
    app.shell.add(panel, 'left', { rank: 650, type: 'Omega' });
    restorer?.add(panel, OmegaPanel.ID);
    addCommands(app, panel, objects, translator ?? nullTranslator, palette);
    if (settingRegistry) {
      void followSettings(settingRegistry, objects);
    }
    return { objects };
  }
};

function addCommands(
  app: JupyterFrontEnd,
  panel: OmegaPanel,
  objects: ObjectsModel,
  translator: ITranslator,
  palette: ICommandPalette | null
): void {
  const trans = translator.load('omega_jupyter');
  const noArguments = { args: { type: 'object', properties: {} } } as const;
  app.commands.addCommand(CommandIDs.openPanel, {
    label: trans.__('Show Omega'),
    caption: trans.__('Show the stored data sets and models'),
    icon: omegaIcon,
    describedBy: noArguments,
    execute: () => {
      app.shell.activateById(panel.id);
      // The palette gives the focus back to the document when a command has run.
      requestAnimationFrame(() => panel.activate());
    }
  });
  app.commands.addCommand(CommandIDs.refresh, {
    label: trans.__('Refresh Omega'),
    caption: trans.__('Ask again for the stored data sets and models'),
    describedBy: noArguments,
    isEnabled: () => objects.active,
    execute: () => objects.refresh()
  });
  for (const command of [CommandIDs.openPanel, CommandIDs.refresh]) {
    palette?.addItem({ command, category: trans.__('Omega') });
  }
}

/** Take the settings over, now and whenever the user changes them. */
async function followSettings(
  registry: ISettingRegistry,
  objects: ObjectsModel
): Promise<void> {
  const settings = await registry.load(PLUGIN_ID);
  const apply = (): void => {
    objects.interval = settings.get('refreshInterval').composite as number;
  };
  settings.changed.connect(apply);
  apply();
}

export default plugin;
