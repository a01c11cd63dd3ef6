import { LabIcon } from '@jupyterlab/ui-components';

import omegaSource from '../style/icons/omega.svg';

/** The icon of the panel, its command and its settings. */
export const omegaIcon = new LabIcon({
  name: 'omega-jupyter:omega',
  svgstr: omegaSource
});
