/** Whether two types are the same, `any` and optionality included. */
export type IsExact<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Fails to compile unless the type is `true`. */
export function assertType<_T extends true>(): void {}

/** Whether a type is `any`. */
export type IsAny<T> = 0 extends 1 & T ? true : false;
