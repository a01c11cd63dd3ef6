import type { IOmega } from '../tokens';

/** Make the server's answer from names alone. */
export function stored(
  datasets: string[] = [],
  models: string[] = [],
  stopped = false
): IOmega.IObjects {
  return {
    datasets: datasets.map(name => ({ name, version: 1, kind: 'dataframe' })),
    models: models.map(name => ({ name, version: 2, kind: 'estimator' })),
    stopped
  };
}
