/** Every verb, by the name under which it is called. */
import type { Verb } from '../runner/verb.ts';
import { approve } from './approve.ts';
import { attest } from './attest.ts';
import { audit } from './audit.ts';
import { cancel } from './cancel.ts';
import { compare } from './compare.ts';
import { completion } from './completion.ts';
import { dashboard } from './dashboard.ts';
import { decommission } from './decommission.ts';
import { doctor } from './doctor.ts';
import { drill } from './drill.ts';
import { gate } from './gate.ts';
import { gateway } from './gateway.ts';
import { handover } from './handover.ts';
import { history } from './history.ts';
import { hold } from './hold.ts';
import { importVerb } from './import.ts';
import { insert } from './insert.ts';
import { notify } from './notify.ts';
import { parallel } from './parallel.ts';
import { plan } from './plan.ts';
import { raid } from './raid.ts';
import { reconcile } from './reconcile.ts';
import { rehearse } from './rehearse.ts';
import { release } from './release.ts';
import { remove } from './remove.ts';
import { report } from './report.ts';
import { resolve } from './resolve.ts';
import { rollback } from './rollback.ts';
import { signoff } from './signoff.ts';
import { status } from './status.ts';
import { switchOver } from './switch.ts';
import { sync } from './sync.ts';
import { waive } from './waive.ts';
import { worker } from './worker.ts';

export const VERBS: Readonly<Record<string, Verb>> = {
  import: importVerb,
  plan,
  status,
  parallel,
  switch: switchOver,
  rollback,
  cancel,
  gate,
  waive,
  attest,
  raid,
  approve,
  signoff,
  decommission,
  sync,
  insert,
  remove,
  dashboard,
  handover,
  history,
  report,
  notify,
  audit,
  hold,
  release,
  resolve,
  drill,
  compare,
  doctor,
  completion,
  reconcile,
  gateway,
  worker,
  rehearse,
};
