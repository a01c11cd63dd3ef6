// React checks this where a test wraps what it does in `act`.
Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
