/** What the admin API answers; a failure has the same form on every path. */
import type { ApiError } from '../../core/admin-api.ts';

export type Reply = { readonly status: number; readonly body: object; readonly allow?: readonly string[] };

export function failure(status: number, code: string, message: string, more: Partial<ApiError> = {}): Reply {
  const body: ApiError = { code, message, next: [], ...more };
  return { status, body };
}
