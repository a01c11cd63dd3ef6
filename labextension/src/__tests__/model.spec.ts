import { PromiseDelegate } from '@lumino/coreutils';

import { ObjectsModel } from '../model';
import { RequestError } from '../request';
import type { IOmega } from '../tokens';
import { stored } from './examples';

const DOWN = new RequestError({
  code: 'unavailable',
  message: 'MongoDB does not answer',
  hint: null
});

describe('ObjectsModel', () => {
  let answers: PromiseDelegate<IOmega.IObjects>[];
  let model: ObjectsModel;

  beforeEach(() => {
    jest.useFakeTimers();
    answers = [];
    model = new ObjectsModel({
      fetch: () => {
        answers.push(new PromiseDelegate());
        return answers[answers.length - 1].promise;
      },
      interval: 30
    });
  });

  afterEach(() => {
    model.dispose();
    jest.useRealTimers();
  });

  const seconds = (count: number): Promise<void> =>
    jest.advanceTimersByTimeAsync(count * 1000);

  it('asks for nothing while nobody looks', async () => {
    await seconds(3600);

    expect(answers).toHaveLength(0);
  });

  it('asks when somebody looks, and then slowly again', async () => {
    model.active = true;
    await seconds(1);
    expect(answers).toHaveLength(1);

    answers[0].resolve(stored(['X']));
    await seconds(28);
    expect(answers).toHaveLength(1);
    await seconds(2);
    expect(answers).toHaveLength(2);
  });

  it('stops when nobody looks any more', async () => {
    model.active = true;
    await seconds(1);
    answers[0].resolve(stored(['X']));
    await seconds(1);

    model.active = false;
    await seconds(3600);

    expect(answers).toHaveLength(1);
    expect(model.objects).toEqual(stored(['X']));
  });

  it('tells of what arrives', async () => {
    const states: [boolean, boolean][] = [];
    model.changed.connect(() =>
      states.push([model.busy, model.objects !== null])
    );

    model.active = true;
    await seconds(1);
    answers[0].resolve(stored(['X']));
    await seconds(1);

    expect(states).toEqual([
      [true, false],
      [false, true]
    ]);
  });

  it('keeps the last objects when a request fails', async () => {
    model.active = true;
    await seconds(1);
    answers[0].resolve(stored(['X']));
    await seconds(31);
    answers[1].reject(DOWN);
    await seconds(1);

    expect(model.objects).toEqual(stored(['X']));
    expect(model.problem).toBe(DOWN);

    void model.refresh();
    await seconds(1);
    answers[2].resolve(stored(['X', 'y']));
    await seconds(1);

    expect(model.objects).toEqual(stored(['X', 'y']));
    expect(model.problem).toBeNull();
  });

  it('asks less often while requests fail', async () => {
    model.active = true;
    for (let failures = 0; failures < 6; failures++) {
      await seconds(600);
      answers[answers.length - 1].reject(DOWN);
    }
    const failed = answers.length;

    await seconds(29);

    expect(answers).toHaveLength(failed);
  });

  it('forgets an answer that a later one has overtaken', async () => {
    model.active = true;
    await seconds(1);
    answers[0].resolve(stored());
    await seconds(31);
    void model.refresh();
    await seconds(1);
    expect(answers).toHaveLength(3);

    answers[2].resolve(stored(['new']));
    await seconds(1);
    answers[1].resolve(stored(['old']));
    await seconds(1);

    expect(model.objects).toEqual(stored(['new']));
  });

  it('ends a refresh when the answer has arrived, whatever it is', async () => {
    let ended = false;
    model.active = true;
    void model.refresh().then(() => {
      ended = true;
    });
    await seconds(1);
    expect(ended).toBe(false);

    answers[0].reject(DOWN);
    await seconds(1);

    expect(ended).toBe(true);
  });
});
